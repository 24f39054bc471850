"""Fit speed, accuracy and memory of kequn's gbdt beside LightGBM: same tables, same parameters, in turns in one run.

  python compare.py                    tables "numbers" and "mixed", 1 million rows, 2 threads, 3 rounds
  python compare.py --rows 200000 --rounds 1 --threads 2 --tables mixed
  python compare.py --symmetric        symmetric trees beside CatBoost's (pip install catboost; table "numbers" only)
  python compare.py --parity           10 training sets that differ in 4 % of the rows: paired differences of AUC

Needs lightgbm, numpy, scikit-learn and Go; run it in this folder. Tables go to a temporary folder.
Every measurement is a process of its own; the smallest time of the rounds counts, ratios are of times in the same round.
  numbers  28 columns, 24 continuous and 4 discrete, no missing values (after the shape of the HIGGS set)
  mixed    the same, 10 % missing in every other continuous column, 6 category columns of 3 to 2,000 levels, row weights
"""
import argparse, json, os, resource, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))


def make(table, rows, dir):
    import numpy as np
    r = np.random.default_rng(7)
    n = rows + rows // 5
    X = np.empty((n, 28), np.float32)
    for j in range(17):
        z = r.standard_normal(n, dtype=np.float32)
        X[:, j] = np.exp(0.5 * z) if j % 3 == 0 else (z if j % 3 == 1 else np.abs(z))
    for j in range(17, 21):
        X[:, j] = r.choice([0, 1.0865, 2.1731], n, p=[.5, .3, .2])
    x = X
    X[:, 21] = np.sqrt(x[:, 0] ** 2 + x[:, 3] ** 2)
    X[:, 22] = np.sqrt(x[:, 0] * x[:, 6] * (1.2 + np.cos(x[:, 1] - x[:, 4])))
    X[:, 23] = np.sqrt(x[:, 3] * x[:, 9] * (1.2 + np.cos(x[:, 7] - x[:, 10])))
    X[:, 24] = x[:, 0] + x[:, 3] + x[:, 6] + x[:, 9]
    X[:, 25] = x[:, 12] / (0.3 + x[:, 15])
    X[:, 26] = np.abs(x[:, 13] - x[:, 16])
    X[:, 27] = x[:, 2] * x[:, 5] + x[:, 8]
    s = (1.1 * np.tanh(1.5 * (x[:, 22] - 1.2)) - 0.9 * (np.abs(x[:, 23] - 1.1) < 0.35) + 0.5 * x[:, 17] * (x[:, 21] > 1.6) - 0.4 * x[:, 26]
         + 0.35 * np.sin(2 * x[:, 1]) * x[:, 4] + 0.3 * np.log(x[:, 25]) + 0.25 * x[:, 27] * (x[:, 18] > 0) - 0.2 * x[:, 24] + 0.95)
    levels = [0] * 28
    weights = table == "mixed"
    if table == "mixed":
        for j, k in zip(range(7, 17, 2), (3, 12, 60, 400, 2000)):   # levels with effects of their own, skewed counts
            code = np.minimum((k * r.random(n) ** 2).astype(int), k - 1)
            s += 0.5 * r.standard_normal(k)[code]
            X[:, j] = code
            levels[j] = k
        X[:, 20] = np.round(X[:, 20] / 1.0865)
        levels[20] = 3
        for j in range(0, 28, 2):
            X[r.random(n) < 0.1, j] = np.nan
        np.round(0.5 + 1.5 * r.random(n), 2).astype(np.float32).tofile(f"{dir}/w.f32")
    y = (r.random(n) < 1 / (1 + np.exp(-1.6 * s))).astype(np.float32)
    np.ascontiguousarray(X.T).tofile(f"{dir}/x.f32")
    y.tofile(f"{dir}/y.f32")
    json.dump(dict(rows=n, train=rows, levels=levels, weights=weights), open(f"{dir}/meta.json", "w"))


def lightgbm(dir, threads, quantized, skip):
    import numpy as np, lightgbm as lgb
    from sklearn.metrics import log_loss, roc_auc_score
    m = json.load(open(f"{dir}/meta.json"))
    X = np.ascontiguousarray(np.fromfile(f"{dir}/x.f32", np.float32).reshape(len(m["levels"]), m["rows"]).T)
    y, t = np.fromfile(f"{dir}/y.f32", np.float32), m["train"]
    w = np.fromfile(f"{dir}/w.f32", np.float32)[skip:t] if m["weights"] else None
    cats = [j for j, k in enumerate(m["levels"]) if k]
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    p = dict(objective="binary", num_leaves=31, max_bin=255, learning_rate=0.1, min_data_in_leaf=20, num_threads=threads, verbose=-1, seed=0)
    if quantized:
        p["use_quantized_grad"] = True
    t0, c0 = time.perf_counter(), time.process_time()
    d = lgb.Dataset(X[skip:t], y[skip:t], weight=w, categorical_feature=cats, params=p, free_raw_data=True).construct()
    b = lgb.train(p, d, 100)
    fit, cpu = time.perf_counter() - t0, time.process_time() - c0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pr = b.predict(X[t:], num_threads=threads)
    scored = 1e9
    for _ in range(3):
        t0 = time.perf_counter(); b.predict(X[t:], num_threads=threads); scored = min(scored, time.perf_counter() - t0)
    few = X[t:t + 2000]
    t0 = time.perf_counter(); b.predict(few, pred_contrib=True, num_threads=threads); shap = time.perf_counter() - t0
    print(json.dumps(dict(system="lightgbm " + lgb.__version__ + (" quantized" if quantized else ""), threads=threads, fit_s=fit, fit_cpu_s=cpu, auc=roc_auc_score(y[t:], pr),
                          log_loss=log_loss(y[t:], pr), predict_rows_s=len(pr) / scored, attribute_rows_s=len(few) / shap, loaded_mb=round(base), peak_mb=round(peak))))


def catboost(dir, threads):
    import numpy as np
    from catboost import CatBoostClassifier, Pool
    from catboost import __version__ as version
    from sklearn.metrics import log_loss, roc_auc_score
    m = json.load(open(f"{dir}/meta.json"))
    X = np.ascontiguousarray(np.fromfile(f"{dir}/x.f32", np.float32).reshape(len(m["levels"]), m["rows"]).T)
    y, t = np.fromfile(f"{dir}/y.f32", np.float32), m["train"]
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    b = CatBoostClassifier(iterations=100, learning_rate=0.1, depth=6, l2_leaf_reg=3, random_strength=0, bootstrap_type="No", score_function="L2",
                           leaf_estimation_iterations=1, border_count=254, thread_count=threads, verbose=False, allow_writing_files=False)
    t0, c0 = time.perf_counter(), time.process_time()
    b.fit(X[:t], y[:t])
    fit, cpu = time.perf_counter() - t0, time.process_time() - c0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pr = b.predict_proba(X[t:], thread_count=threads)[:, 1]
    scored = 1e9
    for _ in range(3):
        t0 = time.perf_counter(); b.predict(X[t:], prediction_type="RawFormulaVal", thread_count=threads); scored = min(scored, time.perf_counter() - t0)
    few = Pool(X[t:t + 10000])
    t0 = time.perf_counter(); b.get_feature_importance(few, type="ShapValues", thread_count=threads); shap = time.perf_counter() - t0
    print(json.dumps(dict(system="catboost " + version, threads=threads, fit_s=fit, fit_cpu_s=cpu, auc=roc_auc_score(y[t:], pr), log_loss=log_loss(y[t:], pr),
                          predict_rows_s=len(pr) / scored, attribute_rows_s=10000 / shap, loaded_mb=round(base), peak_mb=round(peak))))


def measure(cmd):
    out = subprocess.run(cmd, capture_output=True, text=True)
    if out.returncode:
        sys.exit(out.stderr)
    return json.loads(out.stdout.strip().splitlines()[-1])


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--rows", type=int, default=1_000_000)
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--tables", default="numbers,mixed")
    a.add_argument("--parity", action="store_true")
    a.add_argument("--symmetric", action="store_true")
    a.add_argument("--lightgbm", nargs=4)
    a.add_argument("--catboost", nargs=2)
    a = a.parse_args()
    if a.lightgbm:
        dir, threads, quantized, skip = a.lightgbm
        return lightgbm(dir, int(threads), quantized == "1", int(skip))
    if a.catboost:
        return catboost(a.catboost[0], int(a.catboost[1]))
    with tempfile.TemporaryDirectory() as tmp:
        exe = f"{tmp}/kequn-gbdt"
        subprocess.run(["go", "build", "-o", exe, "."], cwd=HERE, check=True)
        ours = lambda dir, skip=0: measure([exe, "-data", dir, "-threads", str(a.threads), "-skip", str(skip)])
        symmetric = lambda dir: measure([exe, "-data", dir, "-threads", str(a.threads), "-symmetric"])
        cat = lambda dir: measure([sys.executable, os.path.abspath(__file__), "--catboost", dir, str(a.threads)])
        theirs = lambda dir, q=0, skip=0: measure([sys.executable, os.path.abspath(__file__), "--lightgbm", dir, str(a.threads), str(q), str(skip)])
        for name in ["numbers"] if a.symmetric else a.tables.split(","):
            dir = f"{tmp}/{name}"
            os.mkdir(dir)
            make(name, a.rows, dir)
            if a.parity:
                d = []
                for k in range(10):
                    skip = a.rows // 250 * k
                    g, l = ours(dir, skip), theirs(dir, 0, skip)
                    d.append(g["auc"] - l["auc"])
                    print(f"  {name} without the first {skip} rows: AUC {g['auc']:.5f}, LightGBM {l['auc']:.5f}", flush=True)
                print(f"{name}: mean difference of AUC {statistics.mean(d):+.5f} ± {statistics.stdev(d) / len(d) ** .5:.5f} (standard error, 10 pairs)\n", flush=True)
                continue
            runs = [(symmetric(dir), cat(dir)) if a.symmetric else (ours(dir), theirs(dir), theirs(dir, 1)) for _ in range(a.rounds)]
            print(f"**{name}**, {a.rows:,} rows × 28 columns, {a.threads} threads\n")
            print("| system | fit s | CPU s | AUC | log loss | scored rows/s | explained rows/s | peak MB (before the fit) |\n|---|---|---|---|---|---|---|---|")
            for rs in zip(*runs):
                r = min(rs, key=lambda r: r["fit_s"])
                print(f"| {r['system']} | {r['fit_s']:.2f} | {min(q['fit_cpu_s'] for q in rs):.2f} | {r['auc']:.4f} | {r['log_loss']:.4f} | {max(q['predict_rows_s'] for q in rs):,.0f} | "
                      f"{max(q['attribute_rows_s'] for q in rs):,.0f} | {r['peak_mb']:.0f} ({r['loaded_mb']:.0f}) |")
            for k, what in [(1, "CatBoost")] if a.symmetric else [(1, "LightGBM default"), (2, "LightGBM quantized")]:
                ratio = [r[k]["fit_s"] / r[0]["fit_s"] for r in runs]
                cpu = statistics.median(r[k]["fit_cpu_s"] / r[0]["fit_cpu_s"] for r in runs)
                print(f"\n{what} takes {statistics.median(ratio):.2f} × the time of kequn (median of {len(ratio)} rounds: {', '.join(f'{q:.2f}' for q in ratio)}); {cpu:.2f} × the processor time.")
            print(flush=True)


if __name__ == "__main__":
    main()
