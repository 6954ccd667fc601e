"""Which kinds are served now: the built-in ones and those that CustomResourceDefinitions add and remove."""

from __future__ import annotations

from autostack.pocket.apiserver.kinds import Kind, built_in
from autostack.pocket.apiserver.schemas import Schema, definition_of
from autostack.pocket.errors import method_not_allowed, no_such_path

# Discovery and `kubectl get all` list groups in this order; others follow by name.
GROUP_ORDER = ("", "apps", "events.k8s.io", "batch")


class Registry:
    """Kinds by address and by name. Custom kinds are replaced as a whole, per definition."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str, str], Kind] = {
            (kind.group, kind.version, kind.plural): kind for kind in built_in()
        }
        self._custom: dict[str, list[Kind]] = {}

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind at an address of the API."""
        return self._kinds.get((group, version, plural))

    def serving(self, group: str, version: str, plural: str, verb: str, subresource: str = "") -> Kind:
        """The kind at an address, if it or its subresource has the verb; raises 404 and 405."""
        kind = self.find(group, version, plural)
        if kind is None or (subresource and subresource not in kind.subresources):
            raise no_such_path()
        if verb not in (kind.subresources[subresource].verbs if subresource else kind.verbs):
            raise method_not_allowed(verb)
        return kind

    def by_kind(self, api_version: str, kind: str) -> Kind | None:
        """The kind that an object names."""
        group, _, version = api_version.rpartition("/")
        return next(
            (k for k in self._kinds.values() if (k.group, k.version, k.kind) == (group, version, kind)), None
        )

    def all(self) -> list[Kind]:
        """Every served kind, by group, version and order of the table."""
        return sorted(self._kinds.values(), key=lambda kind: (*self._rank(kind.group), kind.version))

    @staticmethod
    def _rank(group: str) -> tuple[int, str]:
        return (GROUP_ORDER.index(group) if group in GROUP_ORDER else len(GROUP_ORDER), group)

    def groups(self) -> list[str]:
        """The groups, the core group first."""
        return list(dict.fromkeys(kind.group for kind in self.all()))

    def set_custom(self, definition: str, kinds: list[Kind]) -> None:
        """Serve these kinds for a CustomResourceDefinition, in place of those it had."""
        for kind in self._custom.pop(definition, []):
            self._kinds.pop((kind.group, kind.version, kind.plural), None)
        if kinds:
            self._custom[definition] = kinds
            self._kinds.update({(kind.group, kind.version, kind.plural): kind for kind in kinds})

    def custom_groups(self) -> set[str]:
        """Groups that only custom kinds are in."""
        return {kind.group for kinds in self._custom.values() for kind in kinds}


def schema_of(kind: Kind) -> Schema:
    """The schema by which a kind's objects are decoded."""
    return kind.schema if kind.custom else definition_of(kind.api_version, kind.kind)
