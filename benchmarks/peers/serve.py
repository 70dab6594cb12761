"""The peer's side of a race: runs its task as often as each line of standard input says."""
import json
import sys
import time


def serve(run, agree):
    """`run` is what is timed; `agree` gives the numbers of its output that both sides must agree on."""
    for line in sys.stdin:
        repeats = int(line)
        started, began = time.process_time(), time.perf_counter()
        for _ in range(repeats):
            output = run()
        cpu, wall = time.process_time() - started, time.perf_counter() - began
        print(json.dumps({"cpu": cpu, "wall": wall, "agree": [float(number) for number in agree(output)]}), flush=True)
