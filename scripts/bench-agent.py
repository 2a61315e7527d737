#!/usr/bin/env python3
"""What the agent costs and how fast it is: as many events as it takes with all rules, redis with and without it, a steady mix of events,
memory, and the time from an event to its alert.

    bench-agent.py GABION [PAIRS]

The rules are Gabion's own and, if GABION_TEST_DATA has them, the three official files of Falco, rules that are off by default included.
Needs root, two processors, gcc, redis-server and redis-benchmark. Pairs alternate, so that what the machine does besides meets both sides alike.
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
    def __init__(self, *arguments, command=()):
        self.notes = open(f"{home}/notes", "w")
        self.alerts = f"{home}/alerts"
        self.child = subprocess.Popen(
            [*command, gabion, "agent", "--format", "json", "--state", f"{home}/state", "--socket", f"{home}/sock", *arguments],
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


    def memory(self):
        """Megabytes: of the program and of its BPF maps. The rings are mapped twice, so resident memory would count them three times."""
        program = maps = 0
        with open(f"/proc/{self.child.pid}/smaps") as smaps:
            for line in smaps:
                if "-" in line.split(" ")[0]:
                    ring = "bpf-map" in line
                elif line.startswith("Pss:") and not ring:
                    program += int(line.split()[1]) / 1000
        seen = {}
        for name in os.listdir(f"/proc/{self.child.pid}/fdinfo"):
            with open(f"/proc/{self.child.pid}/fdinfo/{name}") as info:
                fields = dict(line.split(":", 1) for line in info if ":" in line)
            if "map_id" in fields:
                seen[fields["map_id"]] = int(fields["memlock"]) / 1e6
        maps = sum(seen.values())
        return f"{program + maps:.0f} MB: {program:.0f} of the program, {maps:.0f} of its BPF maps"


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def redis(port):
    out = subprocess.run(["redis-benchmark", "-p", str(port), "-t", "set,get", "-n", "60000", "-q", "--csv"],
                         capture_output=True, text=True, check=True).stdout
    rates = [float(row.split(",")[1].strip('"')) for row in out.splitlines()[1:]]
    return statistics.harmonic_mean(rates)


data = os.environ.get("GABION_TEST_DATA", "../shared/data")
official = [f"--rules={data}/falco-rules"] if os.path.isdir(f"{data}/falco-rules") else []
all_on = f"{home}/all.yaml"
if official:
    listed = subprocess.run([gabion, "rules", "list", "--format", "json", *official[0].split("=")[1:]], capture_output=True, check=True)
    with open(all_on, "w") as rules:
        for rule in json.loads(listed.stdout):
            if not rule.get("enabled", True):
                rules.write(f"- rule: {json.dumps(rule['rule'])}\n  enabled: true\n  override: {{enabled: replace}}\n")
        rules.write("- list: of_bench\n  items: []\n")
    official.append(f"--rules={all_on}")

# As many events as it takes, with all rules: it has one processor, who makes them the other.
subprocess.run(["gcc", "-O2", f"{os.path.dirname(__file__)}/bench-events.c", "-o", f"{home}/events"], check=True)
os.mkdir(f"{home}/files")
for rate in (100_000, 250_000, 300_000, 350_000):
    agent = Agent(*official, command=("taskset", "-c", "0"))
    before, spent = agent.status(), agent.processor()
    made, seconds = subprocess.run(["taskset", "-c", "1", f"{home}/events", f"{home}/files", str(rate), "5"],
                                   capture_output=True, text=True, check=True).stdout.split()
    time.sleep(0.5)
    after, spent = agent.status(), agent.processor() - spent
    told, left = after["events"] - before["events"], after["left_out"] - before["left_out"]
    lost = [gap for gap in after["gaps"] if gap[1].startswith("events lost")]
    print(f"live, {after['rules']} rules, {float(made) / float(seconds):.0f} calls/s made for {seconds} s: {told / float(seconds):.0f} events/s told, "
          f"{100 * left / max(1, told + left):.0f} % left out in the kernel, lost {lost or 0}, {spent / float(seconds):.2f} of a core", flush=True)
    print("the agent: " + agent.stop())

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
print(f"mix: {rate:.0f} events/s told, {spent / took:.4f} of a core, {agent.memory()}, gaps {status['gaps']}", flush=True)

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
