"""Who may do what: tokens say who, RBAC objects in the store say what."""
