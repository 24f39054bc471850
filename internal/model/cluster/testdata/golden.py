"""Makes blobs.csv and blobs.golden. Run in this folder: python golden.py (needs numpy, scikit-learn)."""
import numpy as np, sklearn
from sklearn.cluster import KMeans
r = np.random.default_rng(3)
n, k = 600, 4
z = r.integers(0, k, n)
X = np.round(r.normal(size=(n, 3)) * 0.8 + 2.0 * r.normal(size=(k, 3))[z], 3).astype(np.float32)
np.savetxt("blobs.csv", np.c_[X, z], fmt=["%.3f"] * 3 + ["%d"], delimiter=",", header="a,b,c,truth", comments="")
m = KMeans(k, init=X[:k], n_init=1, algorithm="lloyd", max_iter=300, tol=1e-4).fit(X)
best = KMeans(k, n_init=50, random_state=0).fit(X)
with open("blobs.golden", "w") as f:
    f.write(f"# made by golden.py with scikit-learn {sklearn.__version__}, numpy {np.__version__}: KMeans from the first 4 rows; best of 50 starts\n")
    f.write(f"iterations {m.n_iter_}\ninertia {float(m.inertia_)!r}\nbest {float(best.inertia_)!r}\n")
    f.write("sizes " + " ".join(map(str, sorted(np.bincount(m.labels_))[::-1])) + "\n")
    count = np.bincount(m.labels_)
    order = sorted(range(k), key=lambda c: (-count[c], *m.cluster_centers_[c]))      # as Groups numbers them
    f.write("centres " + " ".join(repr(float(x)) for x in m.cluster_centers_[order].ravel()) + "\n")
