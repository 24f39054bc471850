"""What a whole model card costs: python card.py KEQUN [ROWS] [COLUMNS]

Makes a table (100,000 rows of 40 numbers and 10 categories, some missing, a yes-or-no outcome with bends and a pair), runs `kequn try` with a gbdt once
without and once with the card, and prints wall and processor seconds and peak memory of each. Needs numpy and pandas. The table goes to a temporary folder.
"""
import os, resource, subprocess, sys, tempfile, time
import numpy as np, pandas as pd


def table(path, rows, columns):
    r = np.random.default_rng(0)
    numbers = columns * 4 // 5
    x = r.normal(size=(rows, numbers))
    d = {f"n{i}": np.round(x[:, i], 4) for i in range(numbers)}
    for i in range(columns - numbers):
        d[f"c{i}"] = r.choice([f"v{j}" for j in range(3 + 3 * i)], size=rows)
    z = 1.2 * x[:, 0] + x[:, 1] * x[:, 2] + np.sin(2 * x[:, 3]) + 0.5 * (d["c1"] == "v1") + 0.7 * (d["c3"] == "v2") - 1.5 + 0.15 * x[:, 4:12].sum(1)
    for i in range(0, numbers, 7):
        d[f"n{i}"] = np.where(r.random(rows) < 0.05, np.nan, d[f"n{i}"])
    d["y"] = np.where(r.random(rows) < 1 / (1 + np.exp(-z)), "yes", "no")
    pd.DataFrame(d).to_csv(path, index=False)


def run(*args):
    began = time.time()
    p = subprocess.Popen(args, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(p.pid, 0)
    if status:
        sys.exit(f"{' '.join(args)}: exit {status >> 8}")
    return time.time() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    kequn, rows, columns = sys.argv[1], int((sys.argv + [0] * 3)[2] or 100_000), int((sys.argv + [0] * 3)[3] or 50)
    with tempfile.TemporaryDirectory() as folder:
        csv, page = os.path.join(folder, "t.csv"), os.path.join(folder, "card.html")
        table(csv, rows, columns)
        whole = [kequn, "try", csv, "--outcome", "y", "--models", "gbdt", "--quiet"]
        print(f"{rows:,} rows x {columns} columns")
        print("               wall s    CPU s       MB")
        for name, more in (("without card", ["--quick"]), ("with card", ["--card", page])):
            print("%-13s %7.1f  %7.1f  %7.0f" % (name, *run(*whole, *more)))


main()
