#!/usr/bin/env python3
"""What the agent costs and how fast it is: redis with and without it, a steady mix of events, and the time from an event to its alert.

    bench-agent.py GABION [PAIRS]

Needs root, redis-server and redis-benchmark. Pairs alternate, so that what the machine does besides meets both sides alike.
"""
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

gabion, pairs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20
home = tempfile.mkdtemp(prefix="gabion-bench-agent.")


class Agent:
    def __init__(self, *arguments):
        self.notes = open(f"{home}/notes", "w")
        self.alerts = f"{home}/alerts"
        self.child = subprocess.Popen(
            [gabion, "agent", "--format", "json", "--state", f"{home}/state", "--socket", f"{home}/sock", *arguments],
            stdout=open(self.alerts, "w"), stderr=self.notes, stdin=subprocess.DEVNULL)
        while "Ctrl-C ends it" not in open(f"{home}/notes").read():
            if self.child.poll() is not None:
                sys.exit(open(f"{home}/notes").read())
            time.sleep(0.02)

    def processor(self):
        fields = open(f"/proc/{self.child.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def status(self):
        out = subprocess.run([gabion, "status", "--socket", f"{home}/sock", "--format", "json"], capture_output=True, check=True)
        return json.loads(out.stdout)

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait()
        return open(f"{home}/notes").read().splitlines()[-1]


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def redis(port):
    out = subprocess.run(["redis-benchmark", "-p", str(port), "-t", "set,get", "-n", "60000", "-q", "--csv"],
                         capture_output=True, text=True, check=True).stdout
    rates = [float(row.split(",")[1].strip('"')) for row in out.splitlines()[1:]]
    return statistics.harmonic_mean(rates)


port = free_port()
server = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL)
while True:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        break
    except OSError:
        time.sleep(0.05)
try:
    for name, arguments in [("tier 0 (without system calls)", ["--without", "system calls"]), ("full, own rules", [])]:
        losses, base = [], []
        for pair in range(pairs):
            def with_agent():
                agent = Agent(*arguments)
                rate = redis(port)
                agent.stop()
                return rate
            if pair % 2:
                there, alone = with_agent(), redis(port)
            else:
                alone, there = redis(port), with_agent()
            base.append(alone)
            losses.append(100 * (1 - there / alone))
        quarter = statistics.quantiles(losses, n=4)
        print(f"redis-benchmark, {name}: loss {statistics.median(losses):.1f} % (middle half {quarter[0]:.1f} to {quarter[2]:.1f}), "
              f"{pairs} pairs, {statistics.median(base):.0f} requests/s without", flush=True)
finally:
    server.terminate()
    server.wait()

# A mix of 1,100 events a second: opens, a program now and then, connections.
agent = Agent()
stop = time.monotonic() + 20
listener = socket.create_server(("127.0.0.1", 0))
address = listener.getsockname()
before, events = agent.processor(), agent.status()["events"]
begun = time.monotonic()
beat = 0
while time.monotonic() < stop:
    for number in range(95):
        # Another name each time, or the sensor would leave it out as a repetition.
        with open(f"{home}/f{(beat * 95 + number) % 5000}", "w"):
            pass
    subprocess.run(["/bin/true"])
    for _ in range(5):
        client = socket.create_connection(address)
        listener.accept()[0].close()
        client.close()
    beat += 1
    time.sleep(max(0, begun + beat * 0.1 - time.monotonic()))
spent, took = agent.processor() - before, time.monotonic() - begun
status = agent.status()
rate = (status["events"] - events) / took
print(f"mix: {rate:.0f} events/s told, {spent / took:.4f} of a core, {status['memory'] / 1e6:.0f} MB resident, gaps {status['gaps']}")

# From a program in memory to its alert.
program = open("/bin/true", "rb").read()
waits = []
for number in range(200):
    memory = os.memfd_create("bench")
    os.write(memory, program)
    size = os.path.getsize(agent.alerts)
    begun = time.monotonic()
    subprocess.run([f"/proc/self/fd/{memory}"], pass_fds=[memory])
    while os.path.getsize(agent.alerts) == size and time.monotonic() - begun < 5:
        time.sleep(0.0002)
    waits.append(1000 * (time.monotonic() - begun))
    os.close(memory)
waits.sort()
print(f"event to alert, with the start of the program: p50 {waits[100]:.1f} ms, p99 {waits[197]:.1f} ms, most {waits[-1]:.1f} ms of 200")
print("the agent: " + agent.stop())
subprocess.run(["rm", "-rf", home], check=True)
