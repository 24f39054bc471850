"""Loss trajectories of PyTorch for golden_test.go: the same data, first weights and steps on both sides.

  pip install torch && python golden.py > pytorch.golden
"""
import math, torch

N = 24


def wave(n, seed, scale):
    return [scale * math.sin(1.7 * i + seed) for i in range(n)]


def train(name, act, loss, outs, optimizer):
    widths = [6, 8, 5, outs]
    x = torch.tensor(wave(N * 6, 0.3, 1.5)).reshape(N, 6)
    layers, decayed, plain = [], [], []
    for k, (i, o) in enumerate(zip(widths, widths[1:])):
        d = torch.nn.Linear(i, o)
        with torch.no_grad():
            d.weight.copy_(torch.tensor(wave(i * o, k + 1, 0.6)).reshape(i, o).T)
            d.bias.copy_(torch.tensor(wave(o, k + 7, 0.2)))
        decayed.append(d.weight), plain.append(d.bias)
        layers += [d, act()] if o != outs or k < 2 else [d]
    net = torch.nn.Sequential(*layers)
    w = torch.tensor([0.5 + (i % 3) * 0.5 for i in range(N)])
    if loss == "binary":
        y = torch.tensor([float(i * 7 % 5 < 2) for i in range(N)])
        f = lambda m: (torch.nn.functional.binary_cross_entropy_with_logits(m[:, 0], y, reduction="none") * w).mean()
    elif loss == "classes":
        y = torch.tensor([i * 7 % 3 for i in range(N)])
        f = lambda m: (torch.nn.functional.cross_entropy(m, y, reduction="none") * w).mean()
    else:
        y = torch.tensor(wave(N, 2.5, 2.0))
        f = lambda m: (0.5 * (m[:, 0] - y) ** 2 * w).mean()
    groups = [{"params": decayed, "weight_decay": 0.05 if optimizer == "adamw" else 0.0}, {"params": plain, "weight_decay": 0.0}]
    o = torch.optim.AdamW(groups, lr=0.01) if optimizer == "adamw" else torch.optim.SGD(groups, lr=0.05, momentum=0.9 if optimizer == "momentum" else 0.0)
    losses = []
    for _ in range(20):
        o.zero_grad()
        l = f(net(x))
        losses.append(l.item())
        l.backward()
        o.step()
    print(name, " ".join(f"{v:.8f}" for v in losses))


print("# PyTorch", torch.__version__.split("+")[0], "loss before each of 20 steps: activation, loss, optimizer")
gelu = lambda: torch.nn.GELU(approximate="tanh")
train("relu binary adamw", torch.nn.ReLU, "binary", 1, "adamw")
train("gelu binary momentum", gelu, "binary", 1, "momentum")
train("tanh squared sgd", torch.nn.Tanh, "squared", 1, "sgd")
train("sigmoid squared adamw", torch.nn.Sigmoid, "squared", 1, "adamw")
train("gelu classes adamw", gelu, "classes", 3, "adamw")
train("relu classes momentum", torch.nn.ReLU, "classes", 3, "momentum")
