#!/usr/bin/env python3
"""Predicts what 2 to 1,024 ranks bring on a cluster of 100 Gbit/s and 2 microseconds, with SimGrid's SMPI.

    python3 analysis/scaling/predict.py analysis/scaling/measured.txt --out analysis/scaling/predicted.csv
    python3 analysis/scaling/predict.py analysis/scaling/measured.txt --gigabits 400 --only mlp strong-1024 --out FILE
    python3 analysis/scaling/predict.py --draw analysis/scaling/predicted.csv --out analysis/figures/scaling.png

needs Debian's libsimgrid-dev (smpicc, smpirun). predict.c says what of it is the program's code and what is a model.
"""
import argparse
import csv
import pathlib
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LATENCY = 2e-6
ROOM = ["reducer", "slices", "plan", "tree", "shared", "mapping", "group", "exchange", "shards", "profile", "process", "keep",
        "environment", "lone"]
CORE = ["error", "time", "log", "printable", "host"]
SIMULATOR = ["smpi/simulate-computation:no", "smpi/host-speed:1Gf", "network/model:CM02", "network/bandwidth-factor:1",
             "network/latency-factor:1", "network/crosstraffic:0", "smpi/test:1e-6", "smpi/iprobe:1e-6",
             "smpi/privatization:dlopen"]
MODES = {"strong-128": (128, None), "strong-1024": (1024, None), "weak-128": (None, 128)}  # rows in all, or on each rank


def layers_of(network):
    """(general weights, response weights, products of an example) of each layer, from the first."""
    if network == "mlp":
        sizes, hypers = [784, 1200, 1200, 1200, 10], 3
        maps = [(a, b, 1) for a, b in zip(sizes, sizes[1:])]
    else:
        hypers, maps, channels, side = 1, [], 3, 32
        for width in [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0]:
            if width:
                maps.append((9 * channels, width, side * side))
                channels = width
            else:
                side //= 2
        maps.append((channels, 10, 1))
    return [((a + 1) * b, (a + 1 + 2 * hypers) * b, a * b * places) for a, b, places in maps]


def read_measured(path):
    steps, rates = {}, {}
    for line in open(path):
        words = line.split()
        if words and words[0] == "step":
            steps.setdefault(words[1], {})[int(words[2])] = float(words[3])
        elif words and words[0] in ("sum", "update"):
            rates[words[0]] = float(words[1])
    return steps, rates


def seconds_of(measured, rows):
    """Of a step with so many rows, between those measured, and beyond them by their last slope."""
    known = sorted(measured)
    above = next((i for i in range(1, len(known)) if known[i] >= rows), len(known) - 1)
    a, b = known[above - 1], known[above]
    return measured[a] + (measured[b] - measured[a]) * (rows - a) / (b - a)


def arguments(network, rows, steps, rates):
    """Products of a step are 3 and 5 for the objectives of general and response weights; of these 1 and 2 are forward."""
    layers = layers_of(network)
    products = sum(layer[2] for layer in layers)
    weights = [sum(layer[i] for layer in layers) for i in range(2)]
    passes = seconds_of(steps[network], rows) - 4 * sum(weights) * rates["update"]
    words = []
    for i, (name, count, forward) in enumerate((("general", 3, 1), ("response", 5, 2))):
        words += [name, passes * forward / 8]
        for layer in layers:
            words += [layer[i], passes * (count - forward) / 8 * layer[2] / products]
    return [f"{word:.9g}" if isinstance(word, float) else str(word) for word in words]


def write_platform(folder, nodes, cores, gigabits):
    (folder / "platform.xml").write_text(f"""<?xml version='1.0'?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
  <cluster id="cluster" prefix="node" suffix="" radical="0-{nodes - 1}" speed="1Gf" core="{cores}"
           bw="{gigabits / 8}GBps" lat="{LATENCY / 2}s" sharing_policy="SPLITDUPLEX"
           loopback_bw="10GBps" loopback_lat="0.5us"/>
</platform>
""")


def build(folder):
    if not shutil.which("smpicc"):
        sys.exit("predict.py: smpicc is missing: apt install libsimgrid-dev")
    files = [HERE / "predict.c", HERE / "memory.c"]
    files += [ROOT / "src/ranks" / f"{name}.c" for name in ROOM] + [ROOT / "src/core" / f"{name}.c" for name in CORE]
    command = ["smpicc", "-O2", "-std=gnu11", f"-I{ROOT}/include", f"-I{ROOT}/src/ranks", "-o", folder / "predict"]
    subprocess.run([str(word) for word in command + files], check=True)


def simulate(program, options, nodes, ranks, slices, rates, words):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_platform(folder, nodes, slices, options.gigabits)
        (folder / "hosts").write_text("".join(f"node{i % nodes}\n" for i in range(nodes * slices)))
        command = ["smpirun", "-np", str(nodes * slices), "-platform", str(folder / "platform.xml"), "-hostfile",
                   str(folder / "hosts"), *(f"--cfg={option}" for option in SIMULATOR), "--log=root.thres:error",
                   str(program), str(nodes), str(ranks), str(slices), str(options.bucket), repr(rates["sum"]), repr(rates["update"]),
                   "1"]
        done = subprocess.run(command + words, check=True, capture_output=True, text=True, cwd=folder)
        return float(done.stdout.split()[-1])


def nodes_of(size, ranks):
    return max(1, ranks // size)


def cases(options):
    """The fewest nodes first: a simulation of 128 takes minutes."""
    chosen = [case for case in all_cases(options.most) if set(options.only) <= set(case[:2])]
    return sorted(chosen, key=lambda case: nodes_of(case[2], case[3]))


def all_cases(most):
    for network in ("mlp", "vgg16"):
        for mode, (rows, each) in MODES.items():
            for size in (8, 16, 32, 64):
                ranks = 2
                while ranks <= min(most, rows or most):
                    yield network, mode, size, ranks, each or rows / ranks
                    ranks *= 2


def predict(options):
    steps, rates = read_measured(options.measured)
    with tempfile.TemporaryDirectory() as name, open(options.out, "w", newline="") as file:
        build(pathlib.Path(name))
        program = pathlib.Path(name) / "predict"

        def run(case):
            network, mode, size, ranks, rows = case
            nodes, in_node = nodes_of(size, ranks), min(size, ranks)
            slices = in_node if nodes * in_node <= options.exact and nodes > 1 else 1
            seconds = simulate(program, options, nodes, in_node, slices, rates, arguments(network, rows, steps, rates))
            alone = seconds_of(steps[network], MODES[mode][0] or MODES[mode][1])
            gain = alone / seconds * (1 if MODES[mode][0] else ranks)
            return [network, mode, size, ranks, nodes, slices, f"{seconds:.6g}", f"{gain:.4g}", f"{gain / ranks:.4g}"]

        table = csv.writer(file)
        table.writerow(["network", "mode", "ranks_a_node", "ranks", "nodes", "slices_followed", "seconds_per_step", "gain",
                        "efficiency"])
        with ThreadPoolExecutor(options.jobs) as pool:
            for row in pool.map(run, cases(options)):
                table.writerow(row)
                file.flush()


def draw(options):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    rows = list(csv.DictReader(open(options.draw)))
    titles = {"strong-128": "strong, 128 rows in all", "strong-1024": "strong, 1,024 rows in all",
              "weak-128": "weak, 128 rows on each rank"}
    figure, axes = pyplot.subplots(2, 3, figsize=(12, 7), sharex=True, constrained_layout=True)
    for line, network in enumerate(("mlp", "vgg16")):
        for column, mode in enumerate(MODES):
            ax = axes[line][column]
            for size in (8, 16, 32, 64):
                own = [r for r in rows if (r["network"], r["mode"], r["ranks_a_node"]) == (network, mode, str(size))]
                ax.plot([int(r["ranks"]) for r in own], [float(r["gain"]) for r in own], marker="o", markersize=3,
                        label=f"{size} ranks a node")
            ax.plot([1, 1024], [1, 1024], color="grey", linestyle=":", label="population: as many members as ranks")
            ax.set(xscale="log", yscale="log", title=f"{network}: {titles[mode]}")
            ax.set_xscale("log", base=2)
            ax.set_yscale("log", base=2)
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_formatter(ticker.FormatStrFormatter("%d"))
            ax.grid(alpha=0.3)
            if line == 1:
                ax.set_xlabel("ranks")
            if column == 0:
                ax.set_ylabel("rows a second ÷ those of one rank")
    axes[0][0].legend(fontsize=8)
    figure.suptitle("Predicted: Δ-STN steps on nodes with 100 Gbit/s and 2 µs between them")
    figure.savefig(options.out, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", nargs="?", help="what measure.sh has written")
    parser.add_argument("--draw", metavar="CSV", help="draw what was predicted before")
    parser.add_argument("--out", required=True)
    parser.add_argument("--most", type=int, default=1024, help="ranks")
    parser.add_argument("--exact", type=int, default=32, help="up to so many ranks every rank's messages are followed")
    parser.add_argument("--gigabits", type=float, default=100, help="a second, of a node's link")
    parser.add_argument("--bucket", type=int, default=1 << 20, help="bytes of a bucket for each node")
    parser.add_argument("--only", nargs="*", default=[], help="a network, a mode")
    parser.add_argument("--jobs", type=int, default=1, help="simulations at a time")
    options = parser.parse_args()
    if options.draw:
        draw(options)
    else:
        predict(options)


if __name__ == "__main__":
    main()
