"""Prints, in milliseconds, how long create, evaluate and destroy take together, so many times."""

import json
import sys
import time

from jsrun import Runtime

SOURCE = sys.argv[2]
times = []
for _ in range(int(sys.argv[1])):
    start = time.perf_counter()
    with Runtime() as runtime:
        answer = runtime.eval(SOURCE)
    times.append((time.perf_counter() - start) * 1000)
    assert "Hello" in answer, answer
print(json.dumps(times))
