"""The node's files: output, volumes, attempts, cgroup settings, addresses."""

from __future__ import annotations

import shutil
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from autostack.pocket.apiserver.serving import credentials
from autostack.pocket.cluster.control_plane import kept_node_name
from autostack.pocket.cluster.errors import ClusterError, InvalidStateError
from autostack.pocket.cluster.lifecycle import delete, status
from autostack.pocket.cluster.network import Network, claim, read_network
from autostack.pocket.cluster.places import ClusterPlaces, places_of
from autostack.pocket.images.image import Image
from autostack.pocket.kubelet.attempts import attempts, next_attempt
from autostack.pocket.kubelet.cgroups import Cgroups, Limits
from autostack.pocket.kubelet.errors import MountError
from autostack.pocket.kubelet.logs import KEEP_BYTES, SLACK_BYTES, LogFile, Selection
from autostack.pocket.kubelet.node import Addresses
from autostack.pocket.kubelet.projection import File
from autostack.pocket.kubelet.sandbox import POD_FOLDER
from autostack.pocket.kubelet.userland import make_root
from autostack.pocket.kubelet.volumes import empty_folder, mount_of, write_files


async def read(log: LogFile, **wanted: object) -> bytes:
    selection = Selection(**wanted)  # type: ignore[arg-type]
    return b"".join([piece async for piece in log.read(selection, has_ended=lambda: True)])


async def test_output_past_its_bound_loses_its_beginning_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(path)
    line = b"x" * 99 + b"\n"
    with path.open("ab", buffering=0) as out:
        out.write(b"the first line\n")
        for _ in range(3):
            out.write(line * ((KEEP_BYTES + SLACK_BYTES) // 200))
            log.mark(100.0)
        out.write(line * 200)
        log.mark(200.0)
        out.write(b"the last line\n")
    kept = await read(log)
    assert b"the first line" not in kept
    assert kept.startswith(b"x" * 99 + b"\n")
    assert kept.endswith(line + b"the last line\n")
    assert path.stat().st_blocks * 512 < KEEP_BYTES + 2 * SLACK_BYTES
    assert await read(log, tail_lines=1) == b"the last line\n"


async def test_since_and_timestamps_use_the_times_beside_the_file(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log")
    for number, when in ((1, 1000.0), (2, 2000.0), (3, 3000.0)):
        with log.path.open("ab") as out:
            out.write(f"line {number}\n".encode())
        log.mark(when)
    assert await read(log, since=1500.0) == b"line 2\nline 3\n"
    assert (await read(log, timestamps=True)).splitlines()[1] == b"1970-01-01T00:33:20.000000Z line 2"
    assert await read(LogFile(log.path), tail_lines=2, limit_bytes=8) == b"line 2\nl"


def test_files_of_a_volume_change_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    assert write_files(folder, {"a": File(b"1", 0o644), "d/b": File(b"2", 0o400)})
    first = (folder / "..data").resolve()
    assert not write_files(folder, {"a": File(b"1", 0o644), "d/b": File(b"2", 0o400)})
    assert write_files(folder, {"c": File(b"3", 0o644)})
    assert {entry.name for entry in folder.iterdir() if not entry.name.startswith("..")} == {"c"}
    assert not first.exists()
    assert (folder / "c").read_bytes() == b"3"


def test_a_symlink_in_a_volume_does_not_lead_a_sub_path_out(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "out").symlink_to(tmp_path)
    with pytest.raises(MountError, match="leaves the volume"):
        mount_of({"mountPath": "/x"}, volume, read_only=False, sub_path="out")


def test_two_attempts_are_kept_and_the_number_goes_on(tmp_path: Path) -> None:
    numbers = [next_attempt(tmp_path / "main").number for _ in range(4)]
    assert numbers == [0, 1, 2, 3]
    assert [one.number for one in attempts(tmp_path / "main")] == [2, 3]


def test_a_tree_that_pods_run_from_is_not_touched_by_another_start(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "etc").mkdir()
    (tree / "etc/hosts").write_text("the image's own")
    image = Image("own", "sha256:1", tree=tree, brings_userland=True)

    def links() -> list[int]:
        root, _ = make_root(tmp_path / "unused", image, read_only=True, working_dir="/", mounts=())
        assert str((root / "etc/hosts").readlink()) == f"{POD_FOLDER}/hosts"
        return [(root / "etc" / name).lstat().st_ino for name in ("hosts", "hostname", "resolv.conf")]

    assert links() == links()


def test_limits_become_the_settings_of_each_cgroup_version(tmp_path: Path) -> None:
    limits = Limits(memory_bytes=64 << 20, cpu_cores=0.5)
    second = Cgroups(2, {"": tmp_path / "v2"})
    assert second.create("c", limits) == [str(tmp_path / "v2/c/cgroup.procs")]
    assert (tmp_path / "v2/c/memory.max").read_text() == str(64 << 20)
    assert (tmp_path / "v2/c/cpu.max").read_text() == "50000 100000"
    first = Cgroups(1, {name: tmp_path / name for name in ("memory", "cpu")})
    assert len(first.create("c", limits)) == 2
    assert (tmp_path / "memory/c/memory.limit_in_bytes").read_text() == str(64 << 20)
    assert (tmp_path / "cpu/c/cpu.cfs_quota_us").read_text() == "50000"
    (tmp_path / "v2/c/memory.events").write_text("low 0\noom 1\noom_kill 2\n")
    assert second.oom_kills("c") == 2


def test_pod_addresses_are_not_reused_at_once_and_come_back_to_their_pod() -> None:
    addresses = Addresses(IPv4Network("127.99.0.0/28"))
    first = addresses.take("a")
    assert addresses.take("a") == first
    addresses.release("a")
    assert addresses.take("b") != first
    assert addresses.take("c", wanted=first) == first
    assert addresses.take("d", wanted=first) != first


def test_two_clusters_claim_different_ranges_and_keep_them(tmp_path: Path) -> None:
    places = [ClusterPlaces(tmp_path, name) for name in ("one", "two")]
    claimed = []
    for place in places:
        place.pocket.mkdir(parents=True)
        network, listener = claim(place)
        claimed.append((network, listener))
    assert claimed[0][0] != claimed[1][0]
    with pytest.raises(ClusterError, match="in use"):
        claim(places[0])
    for _, listener in claimed:
        listener.close()
    assert read_network(places[0].network) == claimed[0][0]
    again, listener = claim(places[0])
    listener.close()
    assert again == claimed[0][0]


def test_a_claim_keeps_others_out_before_it_is_served(tmp_path: Path) -> None:
    first, second = (ClusterPlaces(tmp_path / home, "one") for home in ("a", "b"))
    for place in (first, second):
        place.pocket.mkdir(parents=True)
    network, listener = claim(first)
    shutil.copy(first.network, second.network)  # a second home that has come to the same range
    with listener, pytest.raises(ClusterError, match="in use"):
        claim(second)
    assert network == read_network(second.network)


def test_a_cluster_with_a_damaged_network_file_can_be_deleted_and_stops_no_other(tmp_path: Path) -> None:
    damaged, other = (ClusterPlaces(tmp_path, name) for name in ("damaged", "other"))
    for place in (damaged, other):
        place.pocket.mkdir(parents=True)
    damaged.network.write_text("")
    claim(other)[1].close()
    assert status(damaged).state == "stopped"
    delete(damaged)
    assert not damaged.folder.exists()


def test_a_node_keeps_its_first_name(tmp_path: Path) -> None:
    places = ClusterPlaces(tmp_path, "one")
    places.pocket.mkdir(parents=True)
    first = kept_node_name(places)
    assert kept_node_name(places) == first
    places.node_name.write_text("as-the-machine-was-called\n")
    assert kept_node_name(places) == "as-the-machine-was-called"


def test_secrets_that_a_power_cut_left_empty_are_made_anew(tmp_path: Path) -> None:
    whole = credentials(tmp_path, ["localhost"])
    assert credentials(tmp_path, ["localhost"]) == whole
    for name in ("admin.token", "service-account.key", "ca.crt"):
        (tmp_path / name).write_text("")
    fresh = credentials(tmp_path, ["localhost"])
    assert len(fresh.admin_token) > 31
    assert len(fresh.signing_key) > 31
    assert fresh.ca != whole.ca
    assert "BEGIN CERTIFICATE" in fresh.ca.certificate


def test_a_damaged_network_file_is_a_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "network.json"
    for text in ("", "{", "[]", '{"number": 7}'):
        file.write_text(text)
        with pytest.raises(InvalidStateError, match=r"network\.json"):
            read_network(file)
    assert str(Network(64).pods) == "127.64.0.0/16"


@pytest.mark.parametrize("name", ["", "Upper", "a/b", "..", "x" * 41, "-x"])
def test_a_bad_cluster_name_is_refused(name: str) -> None:
    with pytest.raises(ClusterError, match="cluster name"):
        places_of(None, {"AUTOSTACK_CLUSTER": name or "_"})


def test_a_folder_in_shared_memory_is_kept_to_its_user(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    folder = empty_folder(tmp_path / "uid", "v", {"medium": "Memory"}, memory=memory)
    assert folder.is_relative_to(memory)
    assert memory.stat().st_mode & 0o077 == 0
    memory.chmod(0o755)
    empty_folder(tmp_path / "uid", "v", {"medium": "Memory"}, memory=memory)
    assert memory.stat().st_mode & 0o077 == 0
