#!/usr/bin/env python3
"""table.py RAW: medians and ratios of a bench run."""
import collections, re, statistics, sys

rows = collections.defaultdict(lambda: collections.defaultdict(list))
for line in open(sys.argv[1]):
    what, who, rest = line.rstrip("\n").split("\t", 2)
    for key, value in re.findall(r"(\w+)=([0-9.]+)", rest):
        rows[what, who][key].append(float(value))


def median(what, who, key):
    values = rows[what, who].get(key)
    return statistics.median(values) if values else float("nan")


print(f"\n{'sendmail -t -i, 2 KiB, queue only':36}{'median ms':>10}{'fastest':>9}{'CPU ms':>8}{'RSS KiB':>9}{'ours/it':>9}")
for who in ("hello", "ours", "dma", "postfix"):
    ratio = median("invoke", "ours", "median_ms") / median("invoke", who, "median_ms")
    print(f"{who:36}{median('invoke', who, 'median_ms'):10.2f}{median('invoke', who, 'min_ms'):9.2f}"
          f"{median('invoke', who, 'cpu_ms'):8.2f}{median('invoke', who, 'maxrss_kb'):9.0f}{ratio:9.2f}")
print(f"{'ours, 100 MiB':36}{median('memory', 'ours', 'median_ms'):10.0f}{'':9}{median('memory', 'ours', 'cpu_ms'):8.0f}"
      f"{median('memory', 'ours', 'maxrss_kb'):9.0f}")
for what, title in (("accept", "accept, 4 KiB, 10 sessions"), ("deliver", "deliver, 4 KiB, to smtp-sink")):
    print(f"\n{title:36}{'messages/s':>10}{'CPU us':>9}{'ours/it':>9}")
    for who in ("ours", "postfix"):
        ratio = median(what, "ours", "rate") / median(what, who, "rate")
        print(f"{who:36}{median(what, who, 'rate'):10.0f}{median(what, who, 'cpu_us'):9.0f}{ratio:9.2f}")
failed = sum(sum(v["failed"]) for v in rows.values())
if failed:
    sys.exit(f"{failed:.0f} calls failed")
