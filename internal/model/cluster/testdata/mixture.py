"""Makes mixture.golden from blobs.csv. Run in this folder: python mixture.py (needs numpy, scikit-learn)."""
import numpy as np, sklearn
from sklearn.mixture import GaussianMixture
X = np.loadtxt("blobs.csv", delimiter=",", skiprows=1)[:, :3]
n, k = len(X), 4
begin = np.arange(n) % k            # poor groups: both must climb the whole way
with open("mixture.golden", "w") as f:
    f.write(f"# made by mixture.py with scikit-learn {sklearn.__version__}, numpy {np.__version__}: GaussianMixture from row numbers modulo 4\n")
    for kind in ("diag", "full"):
        m = GaussianMixture(k, covariance_type=kind, tol=1e-9, reg_covar=1e-9, max_iter=5000)
        r = np.zeros((n, k)); r[np.arange(n), begin] = 1
        m._initialize(X, r)         # the same first step as ours
        m.weights_init, m.means_init, m.precisions_init = m.weights_, m.means_, m.precisions_cholesky_ ** 2 if kind == "diag" else np.array([c @ c.T for c in m.precisions_cholesky_])
        m.fit(X)
        o = sorted(range(k), key=lambda c: -m.weights_[c])
        f.write(f"{kind}.likelihood {float(m.score(X))!r}\n{kind}.bic {float(m.bic(X))!r}\n")
        for name, v in (("weights", m.weights_[o]), ("means", m.means_[o]), ("cov", m.covariances_[o])):
            f.write(f"{kind}.{name} " + " ".join(repr(float(x)) for x in np.ravel(v)) + "\n")
