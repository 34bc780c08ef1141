"""The services behind nginx, and where upstreams.conf of each place looks for them."""

import pathlib
import re

CONFIGURATION = pathlib.Path("deploy/nginx/airside.conf").read_text()
LISTEN = int(re.search(r"^\s*listen (\d+);", CONFIGURATION, re.M)[1])
# airside_auth is the role auth.
SERVICES = sorted(set(re.findall(r"proxy_pass http://airside_(\w+);", CONFIGURATION)))


def upstreams(path):
    """The addresses of each service, as host and port."""
    found = re.findall(r"^upstream airside_(\w+) \{(.*?)^\}", pathlib.Path(path).read_text(), re.M | re.S)
    return {
        service: [(host, int(port)) for host, port in re.findall(r"^\s*server ([\w.-]+):(\d+)", inside, re.M)]
        for service, inside in found
    }


def wrong():
    """Whether each place has the services that airside.conf passes requests to."""
    for path in sorted(pathlib.Path("deploy").rglob("upstreams.conf")):
        if sorted(upstreams(path)) != SERVICES:
            yield f"{path}: has the services {sorted(upstreams(path))}, airside.conf has {SERVICES}"
