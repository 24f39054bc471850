"""Fit speed of kequn's linear beside scikit-learn's LogisticRegression (lbfgs): same tables, same penalty, in turns in one run.

  python compare.py                     tables "numbers" and "levels", 2 threads, 3 rounds
  python compare.py --rounds 1 --tables levels

Needs numpy, scipy, scikit-learn and Go; run it in this folder. Tables go to a temporary folder. Every measurement is a process of its own.
  numbers  1 million rows × 28 numbers
  levels   45,000 rows × 16 columns: 7 numbers and 9 categories of 2 to 120 levels, 297 columns once one-hot
kequn's time is from columns in memory to the model, standardising, levels and standard errors included; scikit-learn's is that of fit alone, on the standardised
and one-hot matrix made beforehand (its making is given apart), and of dense and sparse the faster one. Loss is the mean log loss of the training rows
with the penalty of λ = 1 left out.
"""
import argparse, json, os, resource, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))


def make(table, dir):
    import numpy as np
    r = np.random.default_rng(7)
    if table == "numbers":
        n, numbers, sizes = 1_000_000, 28, []
    else:
        n, numbers, sizes = 45_000, 7, [2, 2, 3, 4, 12, 24, 50, 80, 120]
    X = r.standard_normal((n, numbers), dtype=np.float32)
    for j in range(1, numbers):
        X[:, j] += 0.4 * X[:, j - 1]
    s = X @ r.standard_normal(numbers).astype(np.float32) * 0.4 - 1
    cols = [X]
    for k in sizes:
        code = np.minimum((k * r.random(n) ** 1.5).astype(int), k - 1)
        s += 0.5 * r.standard_normal(k)[code]
        cols.append(code[:, None].astype(np.float32))
    X = np.hstack(cols)
    y = (r.random(n) < 1 / (1 + np.exp(-s))).astype(np.float32)
    np.ascontiguousarray(X.T).tofile(f"{dir}/x.f32")
    y.tofile(f"{dir}/y.f32")
    json.dump(dict(rows=n, levels=[0] * numbers + sizes), open(f"{dir}/meta.json", "w"))


def sklearn(dir, threads, sparse):
    for v in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[v] = str(threads)
    import warnings
    warnings.filterwarnings("ignore")
    import numpy as np, scipy.sparse as sp, sklearn
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss, roc_auc_score
    m = json.load(open(f"{dir}/meta.json"))
    X = np.fromfile(f"{dir}/x.f32", np.float32).reshape(len(m["levels"]), m["rows"]).astype(float)
    y = np.fromfile(f"{dir}/y.f32", np.float32)
    t0 = time.perf_counter()
    parts = []
    for j, k in enumerate(m["levels"]):
        if k == 0:
            v = ((X[j] - X[j].mean()) / X[j].std())[:, None]
            parts.append(sp.csr_array(v) if sparse else v)
        else:
            one = sp.csr_array((np.ones(m["rows"]), X[j].astype(int), np.arange(m["rows"] + 1)), shape=(m["rows"], k))
            parts.append(one if sparse else one.toarray())
    Z = sp.hstack(parts, format="csr") if sparse else np.hstack(parts)
    prepare = time.perf_counter() - t0
    t0, c0 = time.perf_counter(), time.process_time()
    f = LogisticRegression(C=1, max_iter=2000).fit(Z, y)
    fit, cpu = time.perf_counter() - t0, time.process_time() - c0
    p = f.predict_proba(Z)[:, 1]
    print(json.dumps(dict(system=f"scikit-learn {sklearn.__version__} lbfgs, {'sparse' if sparse else 'dense'}", prepare_s=prepare, fit_s=fit, fit_cpu_s=cpu,
                          loss=log_loss(y, p), auc=roc_auc_score(y, p), steps=int(f.n_iter_[0]), peak_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))))


def measure(cmd, threads):
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
    out = subprocess.run(cmd, capture_output=True, text=True, env=env)
    if out.returncode:
        sys.exit(out.stderr)
    return json.loads(out.stdout.strip().splitlines()[-1])


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--tables", default="numbers,levels")
    a.add_argument("--sklearn", nargs=3)
    a = a.parse_args()
    if a.sklearn:
        return sklearn(a.sklearn[0], int(a.sklearn[1]), a.sklearn[2] == "1")
    with tempfile.TemporaryDirectory() as tmp:
        exe = f"{tmp}/kequn-linear"
        subprocess.run(["go", "build", "-o", exe, "."], cwd=HERE, check=True)
        for name in a.tables.split(","):
            dir = f"{tmp}/{name}"
            os.mkdir(dir)
            make(name, dir)
            runs = []
            for _ in range(a.rounds):
                row = [measure([exe, "-data", dir, "-threads", str(a.threads)], a.threads)]
                for sparse in ("0", "1") if name == "levels" else ("0",):
                    row.append(measure([sys.executable, os.path.abspath(__file__), "--sklearn", dir, str(a.threads), sparse], a.threads))
                runs.append(row)
            print(f"**{name}**, {a.threads} threads\n")
            print("| system | fit s | CPU s | prepared in s | log loss | AUC | steps | peak MB |\n|---|---|---|---|---|---|---|---|")
            for rs in zip(*runs):
                r = min(rs, key=lambda r: r["fit_s"])
                print(f"| {r['system']} | {r['fit_s']:.3f} | {min(q['fit_cpu_s'] for q in rs):.2f} | {r.get('prepare_s', 0):.2f} | {r['loss']:.6f} | {r['auc']:.4f} | {r.get('steps', '')} | {r['peak_mb']:.0f} |")
            ratio = [min(q["fit_s"] for q in r[1:]) / r[0]["fit_s"] for r in runs]
            cpu = statistics.median(min(q["fit_cpu_s"] for q in r[1:]) / r[0]["fit_cpu_s"] for r in runs)
            print(f"\nscikit-learn takes {statistics.median(ratio):.2f} × the time of kequn (median of {len(ratio)} rounds: {', '.join(f'{q:.2f}' for q in ratio)}); {cpu:.2f} × the processor time.\n", flush=True)


if __name__ == "__main__":
    main()
