"""What `dstn export` wrote, against the files that it came from, with NumPy and h5py alone.

    arrays.py network CHECKPOINT FILE.npz FILE.safetensors    of a method whose response starts at the current λ
    arrays.py schedule RUN.h5 FILE.csv FILE.json"""
import csv
import json
import struct
import sys
import zipfile

import h5py
import numpy as np


def read_safetensors(path):
    """By the format's own description: 8 bytes, a JSON header, and values without gaps."""
    data = open(path, "rb").read()
    size, = struct.unpack("<Q", data[:8])
    header, values = json.loads(data[8:8 + size]), data[8 + size:]
    metadata, end, arrays = header.pop("__metadata__"), 0, {}
    assert size % 8 == 0 and all(isinstance(text, str) for text in metadata.values())
    for name, about in header.items():
        begin, end_of_this = about["data_offsets"]
        assert begin == end, f"a gap before {name}"
        end = end_of_this
        arrays[name] = np.frombuffer(values[begin:end], {"F32": "<f4", "F64": "<f8"}[about["dtype"]])
        arrays[name] = arrays[name].reshape(about["shape"])
    assert end == len(values), "bytes behind the last array"
    return arrays, metadata["dstn"]


def check_network(checkpoint, npz, safetensors):
    assert zipfile.ZipFile(npz).testzip() is None, "a CRC of the zip"
    with np.load(npz) as file:
        arrays = {name: file[name] for name in file}
    text = str(arrays.pop("metadata"))
    others, other_text = read_safetensors(safetensors)
    assert text == other_text and list(arrays) == list(others), "the two formats differ"
    for name, array in arrays.items():
        assert array.dtype == others[name].dtype and np.array_equal(array, others[name]), name
    metadata = json.loads(text)
    with h5py.File(checkpoint) as file:
        assert metadata["step"] == file.attrs["step"]
        lambdas = file["state/hyper/lambda"][:]
        assert [hyper["lambda"] for hyper in metadata["hyperparameters"]] == list(lambdas)
        ranges = {"general": [], "response": [], "buffers": []}
        for name, array in arrays.items():
            kind = "response" if ".response." in name else "buffers" if ".running" in name else "general"
            ranges[kind].append(array.ravel())
        # All values of the checkpoint, each once, whatever order the layers keep them in.
        for kind, own in ranges.items():
            stored = file[f"state/model/{kind}"][:] if f"state/model/{kind}" in file else np.zeros(0)
            assert np.array_equal(np.sort(np.concatenate(own)), np.sort(stored.astype(own[0].dtype))), kind
    print(len(arrays), "arrays")


def check_schedule(run, csv_path, json_path):
    with h5py.File(run) as file:
        names = [name.decode() for name in file["hyper/names"][:]]
        series = {key: file["series"][key][:] for key in ("step", "epoch", "value", "lambda", "sigma")}
    rows = list(csv.reader(open(csv_path, newline="")))
    tables = ("value", "lambda", "sigma")
    assert rows[0] == ["step", "epoch"] + [f"{table}.{name}" for table in tables for name in names], rows[0]
    want = np.column_stack([series["step"], series["epoch"], *(series[table] for table in tables)])
    assert np.array_equal(np.array(rows[1:], float), want), "csv"
    found = json.load(open(json_path))
    assert found["step"] == series["step"].tolist() and found["epoch"] == series["epoch"].tolist()
    for table in tables:
        assert list(found[table]) == names
        assert np.array_equal(np.column_stack(list(found[table].values())), series[table]), table
    print(len(rows) - 1, "rows")


{"network": check_network, "schedule": check_schedule}[sys.argv[1]](*sys.argv[2:])
