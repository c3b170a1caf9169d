"""The memory that is left, read from the kernel's files in a folder that stands for the file system."""

import pytest

from components.core import machine

GIB = 2**30


def root_with(folder, group, files, meminfo_bytes=64 * GIB):
    """Fill a folder with the kernel's files: `group` is what /proc/self/cgroup says, `files` is text by path."""
    texts = {"proc/meminfo": f"MemTotal: 1 kB\nMemAvailable: {meminfo_bytes // 1024} kB\n", "proc/self/cgroup": group}
    for name, text in {**texts, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def version_2(group, limit, used, inactive_file=0):
    stat = f"anon 5\ninactive_anon 7\ninactive_file {inactive_file}\nactive_file 9\n"
    folder = f"sys/fs/cgroup/{group}"
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.current": f"{used}\n",
        f"{folder}/memory.stat": stat,
    }


def version_1(group, limit, used, inactive_file=0):
    stat = f"inactive_file 3\ntotal_inactive_anon 7\ntotal_inactive_file {inactive_file}\n"
    folder = f"sys/fs/cgroup/memory/{group}"
    names = {"memory.limit_in_bytes": f"{limit}\n", "memory.usage_in_bytes": f"{used}\n", "memory.stat": stat}
    return {f"{folder}/{name}": text for name, text in names.items()}


VERSIONS = pytest.mark.parametrize(
    ("group", "files_of"), [("0::/pod\n", version_2), ("4:cpu,memory:/pod\n3:cpuset:/\n", version_1)], ids=["v2", "v1"]
)


def test_without_control_groups_it_is_what_the_kernel_calls_available(tmp_path):
    assert machine.available_bytes(root_with(tmp_path, "", {}, meminfo_bytes=3 * GIB)) == 3 * GIB


@VERSIONS
def test_a_group_has_its_limit_less_its_use_left(group, files_of, tmp_path):
    root = root_with(tmp_path, group, files_of("pod", 8 * GIB, 3 * GIB))

    assert machine.available_bytes(root) == 5 * GIB


@VERSIONS
def test_cached_files_that_nobody_reads_count_as_free(group, files_of, tmp_path):
    root = root_with(tmp_path, group, files_of("pod", 8 * GIB, 3 * GIB, inactive_file=2 * GIB))

    assert machine.available_bytes(root) == 7 * GIB


@VERSIONS
def test_a_group_that_uses_more_than_its_limit_has_nothing_left(group, files_of, tmp_path):
    assert machine.available_bytes(root_with(tmp_path, group, files_of("pod", GIB, 2 * GIB))) == 0


@VERSIONS
def test_a_group_in_which_more_is_cached_than_used_has_no_more_than_its_limit(group, files_of, tmp_path):
    assert machine.available_bytes(root_with(tmp_path, group, files_of("pod", 4 * GIB, GIB, 2 * GIB))) == 4 * GIB


@VERSIONS
def test_the_groups_above_count_too(group, files_of, tmp_path):
    files = {**files_of("pod", 8 * GIB, GIB), **files_of(".", 6 * GIB, 4 * GIB)}

    assert machine.available_bytes(root_with(tmp_path, group, files)) == 2 * GIB


def test_a_group_without_a_limit_leaves_what_the_kernel_calls_available(tmp_path):
    root = root_with(tmp_path, "0::/pod\n", version_2("pod", "max", 3 * GIB), meminfo_bytes=2 * GIB)

    assert machine.available_bytes(root) == 2 * GIB


def test_the_machine_counts_where_it_has_less_than_the_group(tmp_path):
    root = root_with(tmp_path, "0::/pod\n", version_2("pod", 8 * GIB, 0), meminfo_bytes=2 * GIB)

    assert machine.available_bytes(root) == 2 * GIB


def test_a_group_whose_use_can_not_be_read_has_its_limit_left(tmp_path):
    root = root_with(tmp_path, "0::/pod\n", {"sys/fs/cgroup/pod/memory.max": f"{GIB}\n"})

    assert machine.available_bytes(root) == GIB


def test_this_machine_has_memory():
    assert machine.available_bytes() > 0
