"""kequn's additive beside InterpretML's explainable boosting machine: same tables, each with its defaults, in turns in one run.

  python compare.py                      tables "small" and "middle", 1 thread, 1 round
  python compare.py --tables large       kequn alone: the peer takes hours

Needs numpy, scikit-learn, interpret-core and Go; run it in this folder. Tables go to a temporary folder. Every measurement is a process of its own.
  small   7,000 rows × 20 columns: 14 numbers, a tenth of every other missing, and 6 categories of 2 to 40 levels
  middle  45,000 × 16: 10 numbers, 6 categories
  large   1,000,000 × 28: 22 numbers, 6 categories
The outcome follows bends and steps of the columns and three pairs. Times are from columns in memory to the model, binning included; AUC and log loss are of
other rows, a quarter as many (at most 200,000). With more than one thread the peer works in processes whose processor time is not seen: compare CPU with one.
"""
import argparse, json, os, resource, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
TABLES = dict(small=(7_000, 14), middle=(45_000, 10), large=(1_000_000, 22))


def make(table, dir):
    import numpy as np
    r = np.random.default_rng(11)
    train, numbers = TABLES[table]
    n, sizes = train + min(train // 4, 200_000), [2, 2, 3, 7, 15, 40]
    cols, s = [], np.full(n, -1.2)
    for j in range(numbers):
        v = r.standard_normal(n)
        s += (0.6 * np.sin(v * (1 + j % 3)) if j % 2 else 0.7 * (v > 0.3 * (j % 5))) / (1 + j / 3)
        cols.append(np.exp(v) if j % 4 == 0 else v)
    for k in sizes:
        code = np.minimum((k * r.random(n) ** 1.5).astype(int), k - 1)
        s += 0.4 * r.standard_normal(k)[code]
        cols.append(code.astype(float))
    s += 0.5 * cols[1] * cols[2] + 0.6 * (cols[0] > 1) * (cols[3] > 0) + 0.5 * cols[5] * (cols[numbers] == 0)
    y = (r.random(n) < 1 / (1 + np.exp(-s))).astype(np.float32)
    for j in range(0, numbers, 2):
        cols[j][r.random(n) < 0.1] = np.nan
    np.array(cols, np.float32).tofile(f"{dir}/x.f32")
    y.tofile(f"{dir}/y.f32")
    json.dump(dict(rows=n, train=train, levels=[0] * numbers + sizes), open(f"{dir}/meta.json", "w"))


def ebm(dir, threads):
    import warnings
    warnings.filterwarnings("ignore")
    import numpy as np, pandas as pd
    from importlib.metadata import version
    from interpret.glassbox import ExplainableBoostingClassifier
    from sklearn.metrics import log_loss, roc_auc_score
    m = json.load(open(f"{dir}/meta.json"))
    X = np.fromfile(f"{dir}/x.f32", np.float32).reshape(len(m["levels"]), m["rows"]).astype(float)
    y = np.fromfile(f"{dir}/y.f32", np.float32).astype(int)
    x = pd.DataFrame({f"c{j}": X[j] if k == 0 else np.char.add("l", X[j].astype(int).astype(str)) for j, k in enumerate(m["levels"])})
    a, b, ya, yb = x[: m["train"]], x[m["train"]:], y[: m["train"]], y[m["train"]:]
    t0, c0 = time.perf_counter(), cpu()
    f = ExplainableBoostingClassifier(random_state=0, n_jobs=threads).fit(a, ya)
    fit, fit_cpu = time.perf_counter() - t0, cpu() - c0
    t0 = time.perf_counter()
    p = f.predict_proba(b)[:, 1]
    score = time.perf_counter() - t0
    t0 = time.perf_counter()
    for _ in range(50):
        f.predict_proba(b[:1])
    one = (time.perf_counter() - t0) / 50
    print(json.dumps(dict(system=f"interpret-core {version('interpret-core')}", fit_s=fit, fit_cpu_s=fit_cpu, auc=roc_auc_score(yb, p), loss=log_loss(yb, p),
                          scored_per_s=len(b) / score, one_us=1e6 * one, peak_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))))


def cpu():
    return sum(r.ru_utime + r.ru_stime for r in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)))


def measure(cmd):
    out = subprocess.run(cmd, capture_output=True, text=True)
    if out.returncode:
        sys.exit(out.stderr)
    return json.loads(out.stdout.strip().splitlines()[-1])


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--rounds", type=int, default=1)
    a.add_argument("--threads", type=int, default=1)
    a.add_argument("--tables", default="small,middle")
    a.add_argument("--ebm", nargs=2)
    a = a.parse_args()
    if a.ebm:
        return ebm(a.ebm[0], int(a.ebm[1]))
    with tempfile.TemporaryDirectory() as tmp:
        exe = f"{tmp}/kequn-additive"
        subprocess.run(["go", "build", "-o", exe, "."], cwd=HERE, check=True)
        for name in a.tables.split(","):
            dir = f"{tmp}/{name}"
            os.mkdir(dir)
            make(name, dir)
            runs = []
            for _ in range(a.rounds):
                row = [measure([exe, "-data", dir, "-threads", str(a.threads)])]
                if name != "large":
                    row.append(measure([sys.executable, os.path.abspath(__file__), "--ebm", dir, str(a.threads)]))
                runs.append(row)
            print(f"**{name}**, {a.threads} threads\n")
            print("| system | fit s | CPU s | AUC | log loss | scored rows/s | one row µs | peak MB |\n|---|---|---|---|---|---|---|---|")
            for rs in zip(*runs):
                r = min(rs, key=lambda r: r["fit_s"])
                print(f"| {r['system']} | {r['fit_s']:.2f} | {min(q['fit_cpu_s'] for q in rs):.2f} | {r['auc']:.4f} | {r['loss']:.4f} | {r['scored_per_s']:,.0f} | {r['one_us']:.1f} | {r['peak_mb']:.0f} |")
            if len(runs[0]) > 1:
                print(f"\nThe peer takes {statistics.median(r[1]['fit_cpu_s'] / r[0]['fit_cpu_s'] for r in runs):.1f} × the processor time of kequn.\n", flush=True)


if __name__ == "__main__":
    main()
