"""kequn's k-means and Gaussian mixtures beside scikit-learn's: same rows, same beginning, in turns in one run.

  python compare.py                     1 million × 16, k = 8, float32, 2 threads, 3 rounds
  python compare.py --rows 200000 --rounds 1 --what diag,full --threads 1

Needs numpy, scikit-learn and Go. Rows go to a temporary folder. Every measurement is a process of its own. Rows are 8 overlapping round clouds.
  kmeans     Lloyd from the first 8 rows, at most 100 iterations
  minibatch  scikit-learn's MiniBatchKMeans at its defaults, batches of 4,096 on both sides
  diag, full mixtures from the groups that 5 rounds of Lloyd give, stopping at a rise of 1e-3 (scikit-learn's default), at most 20 iterations
Seconds an iteration count everything but reading; the smallest of the rounds is shown, ratios are of the same round. On a shared machine compare CPU.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))


def make(dir, rows):
    import numpy as np
    from sklearn.cluster import KMeans
    r = np.random.default_rng(1)
    X = (4 * r.standard_normal((8, 16)).astype(np.float32))[r.integers(0, 8, rows)] + 4 * r.standard_normal((rows, 16), dtype=np.float32)
    X.tofile(f"{dir}/x.f32")
    KMeans(8, init=X[:8], n_init=1, max_iter=5).fit(X).labels_.astype(np.int32).tofile(f"{dir}/begin.i32")
    json.dump(dict(rows=rows, cols=16, k=8), open(f"{dir}/meta.json", "w"))


def sklearn(dir, what, iterations):
    import warnings
    warnings.filterwarnings("ignore")
    import numpy as np
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.mixture import GaussianMixture
    m = json.load(open(f"{dir}/meta.json"))
    X = np.fromfile(f"{dir}/x.f32", np.float32).reshape(m["rows"], m["cols"])
    out = dict(system=f"scikit-learn {what}")
    if what == "kmeans":
        f = KMeans(m["k"], init=X[:m["k"]].copy(), n_init=1, algorithm="lloyd", max_iter=iterations, tol=1e-4)
    elif what == "minibatch":
        f = MiniBatchKMeans(m["k"], n_init=1, batch_size=4096, max_iter=iterations, random_state=0)
    else:
        begin = np.fromfile(f"{dir}/begin.i32", np.int32)
        resp = np.zeros((len(X), m["k"]), X.dtype)
        resp[np.arange(len(X)), begin] = 1

        class From(GaussianMixture):           # the same first step as ours, without a k-means of its own
            def _initialize_parameters(self, X, random_state, xp=None):
                self._initialize(X, resp)
        f = From(m["k"], covariance_type=what, max_iter=iterations + 1, tol=1e-3)
    t0, c0 = time.perf_counter(), time.process_time()
    f.fit(X)
    out.update(fit_s=time.perf_counter() - t0, cpu_s=time.process_time() - c0)
    if what in ("kmeans", "minibatch"):
        c, l = f.cluster_centers_.astype(np.float64), f.predict(X)
        out.update(iterations=int(f.n_iter_ if what == "kmeans" else f.n_steps_), inertia=float(sum(((X[i:i + 50000].astype(np.float64) - c[l[i:i + 50000]]) ** 2).sum() for i in range(0, len(X), 50000))))
    else:
        out.update(iterations=int(f.n_iter_), log_likelihood=float(f.score(X)))
    print(json.dumps(out))


def measure(cmd, threads):
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    out = subprocess.run(cmd, capture_output=True, text=True, env=env)
    if out.returncode:
        sys.exit(out.stderr)
    return json.loads(out.stdout.strip().splitlines()[-1])


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--rows", type=int, default=1_000_000)
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--what", default="kmeans,minibatch,diag,full")
    a.add_argument("--sklearn", nargs=3)
    a = a.parse_args()
    if a.sklearn:
        return sklearn(a.sklearn[0], a.sklearn[1], int(a.sklearn[2]))
    with tempfile.TemporaryDirectory() as tmp:
        exe = f"{tmp}/kequn-cluster"
        subprocess.run(["go", "build", "-o", exe, "."], cwd=HERE, check=True)
        make(tmp, a.rows)
        print(f"{a.rows:,} rows × 16 columns, k = 8, {a.threads} threads\n\n| system | iterations | ms an iteration | CPU ms an iteration | inertia or mean log-likelihood |\n|---|---|---|---|---|")
        ratios = []
        for what in a.what.split(","):
            most = 100 if what in ("kmeans", "minibatch") else 20
            runs = [(measure([exe, "-data", tmp, "-what", what, "-threads", str(a.threads), "-iterations", str(most)], a.threads),
                     measure([sys.executable, os.path.abspath(__file__), "--sklearn", tmp, what, str(most)], a.threads)) for _ in range(a.rounds)]
            for rs in zip(*runs):
                ms = lambda k: min(1000 * r[k] / max(1, r["iterations"]) for r in rs)
                q = rs[0].get("inertia", rs[0].get("log_likelihood"))
                print(f"| {rs[0]['system']} | {rs[0]['iterations']} | {ms('fit_s'):.1f} | {ms('cpu_s'):.1f} | {q:.6g} |", flush=True)
            per = lambda r, k: r[k] / max(1, r["iterations"])
            ratios.append((what, [statistics.median(per(t, k) / per(o, k) for o, t in runs) for k in ("fit_s", "cpu_s")], statistics.median(t["fit_s"] / o["fit_s"] for o, t in runs)))
        print()
        for what, (wall, cpu), whole in ratios:
            print(f"{what}: scikit-learn takes {wall:.2f} × the time of kequn an iteration, {cpu:.2f} × the processor time; {whole:.2f} × for the whole fit")


if __name__ == "__main__":
    main()
