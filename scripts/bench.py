#!/usr/bin/env python3
"""Gabion beside Trivy and Syft on the same image, in one run: bench.py GABION BENCH_DIR YARDSTICKS

Prints, for each tool and job, the median and best of several trials: wall time and processor time; and the peak memory of
the whole process tree (the sum of the peaks of its processes, which is an upper bound). Memory is watched in runs of its
own, as watching takes time from the same processors. What is over quickly is tried more often. Cold means without any
cache of the tool; the image itself is in the page cache for all of them. Trivy runs without network, and so without its
Java database: with a jar in the image and no such database it ends with an error, so the jars are left out of its runs,
and the line says so.
"""

import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

# Trials at least; of what is short, as many as fit into the seconds, but no more than the last.
RUNS = int(os.environ.get("GABION_BENCH_RUNS", "3"))
SECONDS, MOST = 3, 20


class Failed(Exception):
    pass


def tree_peak(pid, stop, peaks):
    """Peak resident memory of a process and its descendants, by VmHWM, sampled."""
    while not stop.is_set():
        todo = [pid]
        while todo:
            one = todo.pop()
            try:
                for task in os.listdir(f"/proc/{one}/task"):
                    with open(f"/proc/{one}/task/{task}/children") as children:
                        todo += [int(child) for child in children.read().split()]
                with open(f"/proc/{one}/status") as status:
                    for line in status:
                        if line.startswith("VmHWM:"):
                            peaks[one] = max(peaks.get(one, 0), int(line.split()[1]))
            except (OSError, ValueError):
                pass
        stop.wait(0.002)


def run(command, env, started=lambda pid: None):
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    started(process.pid)
    _, stderr = process.communicate()
    if process.returncode != 0:
        raise Failed(" ".join(stderr.decode(errors="replace").strip().splitlines()[-1:])[:120])


def timed(command, env):
    """Wall and processor time in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    run(command, env)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def watched(command, env):
    """Peak memory in MB."""
    stop, peaks, watchers = threading.Event(), {}, []

    def watch(pid):
        watchers.append(threading.Thread(target=tree_peak, args=(pid, stop, peaks)))
        watchers[0].start()

    try:
        run(command, env, watch)
    finally:
        stop.set()
        for watcher in watchers:
            watcher.join()
    return sum(peaks.values()) / 1024


def measure(name, command, prepare=lambda: None, env=None):
    command, env = [str(part) for part in command], {**os.environ, **(env or {})}

    def fresh(job):
        prepare()
        return job(command, env)

    try:
        times = [fresh(timed)]
        while len(times) < RUNS or (len(times) < MOST and sum(wall for wall, _ in times) < SECONDS):
            times.append(fresh(timed))
        peak = statistics.median(fresh(watched) for _ in range(RUNS))
    except Failed as error:
        print(f"{name:<58} failed: {error}")
        return
    wall, cpu = (statistics.median(column) for column in zip(*times))
    best = min(wall for wall, _ in times)
    print(f"{name:<58} {wall:8.3f} s {best:8.3f} s {cpu:8.3f} s {peak:8.1f} MB {len(times):4}", flush=True)


HERE = pathlib.Path(__file__).resolve().parent
FEEDS = pathlib.Path(os.environ.get("GABION_TEST_DATA", HERE / "../../shared/data")) / "advisories"
RECORDS = [HERE / "../crates/advisory/starter/debian-12.jsonl"]
# What Trivy's database can be made of, too.
RECORDS += [FEEDS / f"{name}.jsonl.zst" for name in ["debian", "alpine", "go", "crates", "pypi", "mixed"]]


def vulnerabilities(gabion, bench, scratch):
    """A database of the records, and an SBOM of the image; neither is timed."""
    database, sbom = scratch / "database", scratch / "image.cdx.json"
    feeds = [part for records in RECORDS if records.exists() for part in ("--from", f"osv={records}")]
    for name in ["kev", "vulnrichment"]:
        if (FEEDS / f"{name}.jsonl.zst").exists():
            feeds += ["--from", f"{name}={FEEDS / name}.jsonl.zst"]
    subprocess.run([gabion, "db", "build", "--quiet", "--output", database] + feeds, check=True, stdout=subprocess.DEVNULL)
    scan = [gabion, "scan", "--quiet", "--no-cache", "--db", "none", "--output", f"cyclonedx={sbom}", f"oci:{bench / 'oci'}:bench"]
    subprocess.run(scan, check=True, stdout=subprocess.DEVNULL)
    return database, sbom


def same_advisories(scratch):
    """Trivy's database of the same records; not timed. None without Go."""
    out = scratch / "trivy"
    out.mkdir()
    lines = out / "records.jsonl"
    with open(lines, "wb") as all_records:
        for records in filter(pathlib.Path.exists, RECORDS):
            reader = ["zstd", "-qdc", records] if records.suffix == ".zst" else ["cat", records]
            subprocess.run(reader, check=True, stdout=all_records)
    try:
        subprocess.run(["go", "run", ".", out, lines], cwd=HERE / "../xtask/trivy-db", check=True, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"trivy, SBOM to vulnerabilities: not run: {error}")
        return None
    lines.unlink()
    return out


def main():
    gabion, bench, yardsticks = (pathlib.Path(a).resolve() for a in sys.argv[1:4])
    tools = yardsticks / "venv" / "bin"
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="gabion-bench."))
    cache = scratch / "cache"

    def forget():
        shutil.rmtree(cache, ignore_errors=True)

    print(f"{'':<58} {'wall':>8}   {'best':>8}   {'CPU':>8}   {'peak':>8}   trials")
    oci, rootfs = bench / "oci", bench / "rootfs"
    scan = [gabion, "scan", "--quiet", "--format", "json", "--cache-dir", cache]
    measure("gabion, everything, cold", scan + [f"oci:{oci}:bench"], forget)
    measure("gabion, everything, without a cache", [gabion, "scan", "--quiet", "--format", "json", "--no-cache", f"oci:{oci}:bench"])
    measure("gabion, packages and CIS only, cold", scan + ["--no-secrets", f"oci:{oci}:bench"], forget)
    run([str(part) for part in scan + [f"oci:{oci}:bench"]], os.environ)
    measure("gabion, everything, warm", scan + [f"oci:{oci}:bench"])
    measure("gabion, dir:, without secrets", scan + ["--no-secrets", f"dir:{rootfs}"])
    measure("gabion, dir:, everything", scan + [f"dir:{rootfs}"])

    database, sbom = vulnerabilities(gabion, bench, scratch)
    known = ["--db", database]
    measure("gabion, everything and vulnerabilities, cold", scan + known + [f"oci:{oci}:bench"], forget)
    measure("gabion, everything and vulnerabilities, warm", scan + known + [f"oci:{oci}:bench"])
    measure("gabion, SBOM to vulnerabilities", scan + known + [f"sbom:{sbom}"])

    trivy = [tools / "trivy", "--quiet", "--cache-dir", cache]
    offline = ["--offline-scan", "--skip-db-update", "--skip-java-db-update", "--skip-files", "**/*.jar", "--format", "json", "--list-all-pkgs"]
    image = ["image", "--input", f"{oci}"]
    measure("trivy, packages and secrets, no jars, cold", trivy + image + ["--scanners", "secret", "--format", "cyclonedx"] + offline[:5], forget)
    measure("trivy, SBOM only, no jars, cold", trivy + image + ["--format", "cyclonedx"] + offline[:5], forget)
    measure("trivy, SBOM only, no jars, warm", trivy + image + ["--format", "cyclonedx"] + offline[:5])
    if (trivy_database := same_advisories(scratch)) is not None:
        command = [tools / "trivy", "--quiet", "--cache-dir", trivy_database, "sbom"] + offline[:3] + ["--format", "json", sbom]
        measure("trivy, SBOM to vulnerabilities, same advisories", command)
    syft = {"SYFT_CHECK_FOR_APP_UPDATE": "false", "SYFT_CACHE_DIR": str(cache)}
    measure("syft, packages, cold", [tools / "syft", "scan", "--quiet", "--output", "json", f"oci-dir:{oci}"], forget, syft)
    shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
