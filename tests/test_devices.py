"""Which GPUs there are, by what drivers, containers and users say, and which one a worker has.

`nvidia-smi` is a script that prints what the program prints on such a machine; the workers are real processes.
"""

from pathlib import Path

import pytest

from components.workers import count, devices
from components.workers.pool import Finished, Lost, Note, Pool
from components.workers.process import WorkerProcess
from components.workers.stretch import Stretch
from tests.searches import write_training_data

TWO = "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa-1)\nGPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb-2)\n"
PARTS = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa-1)
  MIG 1g.5gb      Device  0: (UUID: MIG-cccc-3)
  MIG 1g.5gb      Device  1: (UUID: MIG-dddd-4)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb-2)
"""
OLD_PARTS = """GPU 0: A100-SXM4-40GB (UUID: GPU-aaaa-1)
  MIG 3g.20gb Device 0: (UUID: MIG-GPU-aaaa-1/1/0)
"""
NONE = "No devices found.\n"


def machine_with(folder, printed=None, status=0, n_files=0):
    """Fill a folder with device files and, where it prints something, an `nvidia-smi`; return its environment."""
    (folder / "dev").mkdir()
    for name in ("nvidiactl", "nvidia-uvm", *(f"nvidia{number + 3}" for number in range(n_files))):
        (folder / "dev" / name).touch()
    (folder / "bin").mkdir()
    if printed is not None:
        program = folder / "bin" / "nvidia-smi"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{printed}END\nexit {status}\n")
        program.chmod(0o755)
    return {"PATH": f"{folder / 'bin'}:/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("machine", "names"),
    [
        ({}, ()),
        ({"printed": NONE}, ()),
        ({"printed": TWO, "n_files": 2}, ("GPU-aaaa-1", "GPU-bbbb-2")),
        ({"printed": PARTS}, ("MIG-cccc-3", "MIG-dddd-4", "GPU-bbbb-2")),
        ({"printed": OLD_PARTS}, ("MIG-GPU-aaaa-1/1/0",)),
        ({"n_files": 2}, ("0", "1")),
        (
            {"printed": "Failed to initialize NVML: Driver/library version mismatch\n", "status": 18, "n_files": 1},
            ("0",),
        ),
    ],
    ids=["nothing", "driver alone", "two", "parts", "parts as older drivers name them", "no nvidia-smi", "mismatch"],
)
def test_gpus_are_found_by_the_driver_s_program_or_their_files(machine, names, tmp_path):
    assert devices.visible(machine_with(tmp_path, **machine), tmp_path) == names


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("", ()),
        ("-1", ()),
        ("NoDevFiles", ()),
        ("1", ("1",)),
        ("1,0", ("1", "0")),
        ("0, 1", ("0", "1")),
        ("0,-1,1", ("0",)),
        ("0,0", ("0",)),
        ("0,1,2", ("0", "1")),
        ("GPU-bbbb-2", ("GPU-bbbb-2",)),
        ("GPU-bb", ("GPU-bb",)),
        ("GPU-eeee-5,GPU-aaaa-1", ()),
        ("MIG-GPU-aaaa-1/1/0", ("MIG-GPU-aaaa-1/1/0",)),
    ],
)
def test_of_them_those_are_used_that_cuda_would_see(choice, names, tmp_path):
    environment = {**machine_with(tmp_path, TWO), "CUDA_VISIBLE_DEVICES": choice}

    assert devices.visible(environment, tmp_path) == names


@pytest.mark.parametrize(("choice", "names"), [("MIG-dddd-4", ("MIG-dddd-4",)), ("0,1", ("0", "1"))])
def test_parts_can_be_chosen_by_name(choice, names, tmp_path):
    assert devices.visible({**machine_with(tmp_path, PARTS), "CUDA_VISIBLE_DEVICES": choice}, tmp_path) == names


@pytest.mark.parametrize("choice", ["0", "GPU-aaaa-1"])
def test_a_choice_makes_no_gpu_where_none_is(choice, tmp_path):
    assert devices.visible({**machine_with(tmp_path), "CUDA_VISIBLE_DEVICES": choice}, tmp_path) == ()


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("all", ("0", "1")),
        ("void", ("0", "1")),
        ("0,1", ("0", "1")),
        ("GPU-x,GPU-y", ("GPU-x", "GPU-y")),
        ("MIG-x", ("MIG-x",)),
    ],
)
def test_in_a_container_without_the_driver_s_program_its_own_list_counts_where_it_has_names(given, names, tmp_path):
    environment = {**machine_with(tmp_path, n_files=2), "NVIDIA_VISIBLE_DEVICES": given}

    assert devices.visible(environment, tmp_path) == names


def test_a_container_s_list_makes_no_gpu_where_none_is(tmp_path):
    assert devices.visible({**machine_with(tmp_path), "NVIDIA_VISIBLE_DEVICES": "GPU-x"}, tmp_path) == ()


@pytest.fixture
def gpus(tmp_path, monkeypatch):
    """Have this process find two GPUs."""
    for name, value in machine_with(tmp_path, TWO).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_without_a_number_there_is_a_worker_a_gpu(gpus):
    assert (count.resolve_workers(0), count.side_by_side(), count.resolve_workers(5)) == (2, 2, 5)


def environment_of(worker):
    """Return what a worker process was started with, as soon as the kernel has it."""
    place = Path(f"/proc/{worker.process.pid}/environ")
    while not (text := place.read_bytes()):
        pass
    return {name: value for name, _, value in (entry.decode().partition("=") for entry in text.split(b"\0") if entry)}


def devices_of(pool):
    return [environment_of(worker)["CUDA_VISIBLE_DEVICES"] for worker in pool._workers]


SETUP = {"training_data": "none", "fingerprint": ""}


def test_each_worker_sees_one_gpu_more_workers_share_them_and_a_line_says_who_has_which(gpus, capsys):
    with Pool(3, SETUP) as pool:
        assert devices_of(pool) == ["GPU-aaaa-1", "GPU-bbbb-2", "GPU-aaaa-1"]
        assert {environment_of(worker)["TF_FORCE_GPU_ALLOW_GROWTH"] for worker in pool._workers} == {"true"}

    assert capsys.readouterr().out == "worker 0 on GPU-aaaa-1, worker 1 on GPU-bbbb-2, worker 2 on GPU-aaaa-1\n"


def test_a_worker_in_another_one_s_place_has_its_gpu(gpus):
    with Pool(2, SETUP) as pool:
        pool.assign(1, Stretch(7, {}, 1, 1, 0, checkpoint=""))
        pool._workers[1].process.kill()

        assert [type(event) for event in pool.wait()] == [Lost]
        assert devices_of(pool) == ["GPU-aaaa-1", "GPU-bbbb-2"]


@pytest.mark.parametrize("choice", [None, "", "3"])
def test_without_gpus_a_worker_s_environment_is_left_as_it_is(choice, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if choice is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", choice)
    worker = WorkerProcess(0)

    assert environment_of(worker).get("CUDA_VISIBLE_DEVICES") == choice
    worker.kill()


@pytest.mark.slow
def test_a_worker_whose_tensorflow_has_no_cuda_trains_on_a_processor_and_says_so(gpus, tmp_path):
    path = write_training_data(tmp_path / "training_data")
    values = {"hidden_layers": 1, "units_0": 64, "normalization": "none", "dropout_rate": 0.1, "learning_rate": 0.003}
    values |= {"batch_size": 64, "weight_decay": 0.0, "label_smoothing": 0.0, "flip_images": False, "erase_share": 0.0}

    with Pool(1, {**SETUP, "training_data": str(path)}) as pool:
        pool.assign(0, Stretch(0, values, 1, 1, 0, checkpoint=""))
        told = []
        while not any(isinstance(event, Finished) for event in told):
            told += pool.wait()

    notes = [event.text for event in told if isinstance(event, Note)]
    assert any(text.startswith("TensorFlow finds no GPU at GPU-aaaa-1 and trains on a processor") for text in notes)
    assert told[-1].outcome.status == "finished"
