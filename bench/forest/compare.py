"""Fit speed, accuracy and memory of kequn's forests beside scikit-learn's: same tables, same parameters, in turns in one run.

  python compare.py                     45,000 × 16 and 200,000 × 28, 100 trees, 2 threads, 3 rounds
  python compare.py --sizes 45000x16 --rounds 1 --threads 1

Needs numpy, scikit-learn and Go. Tables go to a temporary folder. Every measurement is a process of its own; ratios are of times
in the same round. Equal settings: trees, ⌊√columns⌋ columns a question, least leaf 5, borders searched (random forest) or drawn
(extra trees). A leaf's least is 5 draws here and 5 different rows there, so that kequn's trees have more leaves.
"""
import argparse, json, os, resource, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))


def make(dir, rows, cols):
    import numpy as np
    r = np.random.default_rng(7)
    n = rows + rows // 4
    X = r.standard_normal((n, cols)).astype(np.float32)
    for j in range(0, cols, 3):
        X[:, j] = np.exp(0.5 * X[:, j])
    for j in range(1, cols, 4):
        X[:, j] = np.floor(3 * np.abs(X[:, j]))     # few values
    s = sum(np.sin((1 + j % 3) * X[:, j]) * (0.9 ** j) for j in range(cols)) + X[:, 0] * X[:, 1] * .3 + np.where(X[:, 2] > 0, X[:, 3], -X[:, 3]) * .5
    y = (r.random(n) < 1 / (1 + np.exp(-s + 1))).astype(np.float32)
    np.ascontiguousarray(X.T).tofile(f"{dir}/x.f32")
    y.tofile(f"{dir}/y.f32")
    json.dump(dict(rows=n, cols=cols, train=rows), open(f"{dir}/meta.json", "w"))


def sklearn(dir, threads, trees, extra):
    import numpy as np, sklearn
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.metrics import log_loss, roc_auc_score
    m = json.load(open(f"{dir}/meta.json"))
    X = np.ascontiguousarray(np.fromfile(f"{dir}/x.f32", np.float32).reshape(m["cols"], m["rows"]).T)
    y, t = np.fromfile(f"{dir}/y.f32", np.float32).astype(int), m["train"]
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    f = (ExtraTreesClassifier if extra else RandomForestClassifier)(trees, min_samples_leaf=5, bootstrap=True, n_jobs=threads, random_state=0)
    t0, c0 = time.perf_counter(), time.process_time()
    f.fit(X[:t], y[:t])
    fit, cpu = time.perf_counter() - t0, time.process_time() - c0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    t0 = time.perf_counter(); p = f.predict_proba(X[t:])[:, 1]; scored = time.perf_counter() - t0
    print(json.dumps(dict(system="scikit-learn " + sklearn.__version__, fit_s=fit, fit_cpu_s=cpu, auc=roc_auc_score(y[t:], p), log_loss=log_loss(y[t:], p),
                          leaves=int(sum(e.get_n_leaves() for e in f.estimators_)) // trees, predict_rows_s=len(p) / scored, attribute_rows_s=0, loaded_mb=round(base), peak_mb=round(peak))))


def measure(cmd):
    out = subprocess.run(cmd, capture_output=True, text=True)
    if out.returncode:
        sys.exit(out.stderr)
    return json.loads(out.stdout.strip().splitlines()[-1])


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--sizes", default="45000x16,200000x28")
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--trees", type=int, default=100)
    a.add_argument("--sklearn", nargs=4)
    a = a.parse_args()
    if a.sklearn:
        dir, threads, trees, extra = a.sklearn
        return sklearn(dir, int(threads), int(trees), extra == "1")
    with tempfile.TemporaryDirectory() as tmp:
        exe = f"{tmp}/kequn-forest"
        subprocess.run(["go", "build", "-o", exe, "."], cwd=HERE, check=True)
        for size in a.sizes.split(","):
            rows, cols = map(int, size.split("x"))
            dir = f"{tmp}/{size}"
            os.mkdir(dir)
            make(dir, rows, cols)
            for extra in (0, 1):
                ours = lambda: measure([exe, "-data", dir, "-threads", str(a.threads), "-trees", str(a.trees), "-columns", str(int(cols ** .5))] + ["-extra"] * extra)
                theirs = lambda: measure([sys.executable, os.path.abspath(__file__), "--sklearn", dir, str(a.threads), str(a.trees), str(extra)])
                runs = [(ours(), theirs()) for _ in range(a.rounds)]
                print(f"**{'extra trees' if extra else 'random forest'}**, {rows:,} rows × {cols} columns, {a.trees} trees, {a.threads} threads\n")
                print("| system | fit s | CPU s | AUC | log loss | leaves a tree | scored rows/s | explained rows/s | peak MB (before the fit) |\n|---|---|---|---|---|---|---|---|---|")
                for rs in zip(*runs):
                    r = min(rs, key=lambda r: r["fit_s"])
                    print(f"| {r['system']} | {r['fit_s']:.2f} | {min(q['fit_cpu_s'] for q in rs):.2f} | {r['auc']:.4f} | {r['log_loss']:.4f} | {r['leaves']} | {max(q['predict_rows_s'] for q in rs):,.0f} | "
                          f"{max(q['attribute_rows_s'] for q in rs):,.0f} | {r['peak_mb']:.0f} ({r['loaded_mb']:.0f}) |")
                wall = [s["fit_s"] / k["fit_s"] for k, s in runs]
                cpu = [s["fit_cpu_s"] / k["fit_cpu_s"] for k, s in runs]
                print(f"\nscikit-learn takes {statistics.median(wall):.2f} × the time of kequn (median of {len(wall)} rounds: {', '.join(f'{q:.2f}' for q in wall)}); {statistics.median(cpu):.2f} × the processor time.\n", flush=True)


if __name__ == "__main__":
    main()
