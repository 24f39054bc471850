"""Training steps of kequn's networks beside PyTorch's on the processor: same table, same network, in turns in one run.

  python compare.py                 multilayer perceptron 30-256-128-1, ReLU, 512 rows a step, Adam; 2 threads, 3 rounds
  python compare.py --threads 1     the fair comparison on a busy machine: compare steps per CPU-second

Needs torch, numpy and Go; run it in this folder. Tables go to a temporary folder. Every measurement is a process of its own, which
reports the fastest of 5 rounds of steps, the processor time of all and the mean loss of the last.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))


def make(dir):
    import numpy as np
    r = np.random.default_rng(7)
    x = r.standard_normal((200_000, 30), dtype=np.float32)
    y = (x @ np.sin(np.arange(30, dtype=np.float32)) + x[:, 0] * x[:, 1] + r.standard_normal(len(x), dtype=np.float32) > 0).astype(np.float32)
    x.tofile(f"{dir}/x.f32"), y.tofile(f"{dir}/y.f32")


def pytorch(dir, threads, steps):
    import numpy as np, torch
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    x = torch.from_numpy(np.fromfile(f"{dir}/x.f32", np.float32).reshape(-1, 30))
    y = torch.from_numpy(np.fromfile(f"{dir}/y.f32", np.float32)).unsqueeze(1)
    m = torch.nn.Sequential(torch.nn.Linear(30, 256), torch.nn.ReLU(), torch.nn.Linear(256, 128), torch.nn.ReLU(), torch.nn.Linear(128, 1))
    o = torch.optim.Adam(m.parameters(), 1e-3)
    wall, cpu = 0, time.process_time()
    for _ in range(5):
        t0, total = time.perf_counter(), 0.0
        for _ in range(steps):
            ix = torch.randint(0, len(y), (512,))
            o.zero_grad()
            l = torch.nn.functional.binary_cross_entropy_with_logits(m(x[ix]), y[ix])
            l.backward()
            o.step()
            total += l.item() / steps
        wall = max(wall, steps / (time.perf_counter() - t0))
    print(json.dumps(dict(system="PyTorch " + torch.__version__.split("+")[0], threads=threads, steps_s=wall, steps_cpu_s=5 * steps / (time.process_time() - cpu), loss=total)))


def measure(cmd):
    out = subprocess.run(cmd, capture_output=True, text=True)
    if out.returncode:
        sys.exit(out.stderr)
    return json.loads(out.stdout.strip().splitlines()[-1])


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--steps", type=int, default=400)
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--pytorch")
    a = a.parse_args()
    if a.pytorch:
        return pytorch(a.pytorch, a.threads, a.steps)
    with tempfile.TemporaryDirectory() as tmp:
        make(tmp)
        exe = f"{tmp}/kequn-neural"
        subprocess.run(["go", "build", "-o", exe, "."], cwd=HERE, check=True)
        more = ["--threads", str(a.threads), "--steps", str(a.steps)]
        runs = [(measure([exe, "-data", tmp, *[o.replace("--", "-") for o in more]]),
                 measure([sys.executable, os.path.abspath(__file__), "--pytorch", tmp, *more])) for _ in range(a.rounds)]
    print(f"30-256-128-1, 512 rows a step, Adam, {a.threads} threads, {a.rounds} rounds in turns\n")
    print("| system | steps/s | steps per CPU-second | loss |\n|---|---|---|---|")
    for rs in zip(*runs):
        print(f"| {rs[0]['system']} | {max(r['steps_s'] for r in rs):.0f} | {max(r['steps_cpu_s'] for r in rs):.0f} | {rs[-1]['loss']:.4f} |")
    ratio = [r[0]["steps_cpu_s"] / r[1]["steps_cpu_s"] for r in runs]
    wall = statistics.median(r[0]["steps_s"] / r[1]["steps_s"] for r in runs)
    print(f"\nkequn does {statistics.median(ratio):.2f} × PyTorch's steps per CPU-second (rounds: {', '.join(f'{q:.2f}' for q in ratio)}) and {wall:.2f} × its steps per second.")


if __name__ == "__main__":
    main()
