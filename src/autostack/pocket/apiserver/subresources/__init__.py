"""One file per subresource that is more than a part of the object; `status` is only an isolation rule and
needs none.
"""
