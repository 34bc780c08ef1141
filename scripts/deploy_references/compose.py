"""compose.yaml: each service reaches what it names, by a network that both are on."""

import ipaddress
import pathlib
import re
import subprocess
import tempfile
import tomllib
import urllib.parse

import dotenv
import podman_compose
import yaml

import image
import nginx
import server
import steps

FILE = "deploy/compose.yaml"
TEXT = pathlib.Path(FILE).read_text()
SETTINGS = tomllib.loads(pathlib.Path("deploy/server.toml").read_text())


def wrong():
    """Where its services, the settings, nginx and the steps do not fit each other."""
    written = variables()
    named = set(re.findall(r"\$\{(\w+)", TEXT))
    if named != set(written):
        yield f"{FILE}: has the variables {sorted(named)}, and the step in deploy/README.md writes {sorted(written)}"
        return
    yield from required()
    composed = podman_compose.rec_subs(yaml.safe_load(TEXT), written)
    services = composed["services"]
    yield from named_parts(composed)
    servers = {name: each for name, each in services.items() if each["image"] == "airside-server"}
    processes = {name: each["environment"].get("AIRSIDE_ROLES", "") for name, each in servers.items() if "command" not in each}
    yield from server.roles(FILE, processes.items())
    yield from addresses(services, servers, processes)
    yield from proxy(services, processes)
    yield from data(servers, processes)


def variables():
    """What the step writes into deploy/.env, by running it."""
    step = next(step for step in steps.of("With Compose") if "deploy/.env" in step)
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "deploy").mkdir()
        subprocess.run(["sh", "-e", "-c", step], cwd=folder, check=True)
        return dotenv.dotenv_values(pathlib.Path(folder, "deploy/.env"))


def required():
    """Without one of the variables nothing may start: a password that is empty is one that all know."""
    for use in sorted(set(re.findall(r"\$\{[^}]*\}", TEXT))):
        try:
            podman_compose.rec_subs(use, {})
        except ValueError:
            continue
        yield f"{FILE}: starts without the variable of {use}"


def named_parts(composed):
    """Networks, volumes, settings' files and other services that a service names."""
    for name, service in composed["services"].items():
        for other in service.get("depends_on", {}):
            if other not in composed["services"]:
                yield f"{FILE}: {name} waits for {other}, which is not there"
        for network in service.get("networks", []):
            if network not in composed["networks"]:
                yield f"{FILE}: {name} is on the network {network}, which is not there"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if not (pathlib.Path("deploy", source).exists() if source.startswith(".") else source in composed["volumes"]):
                yield f"{FILE}: {name} mounts {source}, which is not there"
        for config in service.get("configs", []):
            if config["source"] not in composed["configs"]:
                yield f"{FILE}: {name} has the settings {config['source']}, which are not there"
            if config["target"] != service["environment"].get("AIRSIDE_CONFIG"):
                yield f"{FILE}: {name} has its settings in {config['target']} and reads others"
    for name, config in composed["configs"].items():
        if not pathlib.Path("deploy", config["file"]).is_file():
            yield f"{FILE}: the settings {name} are {config['file']}, which is not there"
    pool = composed["networks"]["proxy"]["ipam"]["config"][0]
    subnet, given = ipaddress.ip_network(pool["subnet"]), ipaddress.ip_network(pool.get("ip_range", pool["subnet"]))
    taken = {}
    for name, address in fixed(composed["services"]).items():
        if address in taken.values() or ipaddress.ip_address(address) not in subnet:
            yield f"{FILE}: {name} cannot have {address}: another has it, or it is not in {subnet}"
        if ipaddress.ip_address(address) in given:
            yield f"{FILE}: {name} cannot be sure of {address}: services without an address get those of {given}"
        taken[name] = address


def fixed(services):
    """The services that have an address of their own, and which."""
    networks = {name: each["networks"].get("proxy") for name, each in services.items() if isinstance(each["networks"], dict)}
    return {name: network["ipv4_address"] for name, network in networks.items() if network}


def reaches(services, one, other):
    return other in services and bool(set(services[one]["networks"]) & set(services[other]["networks"]))


def addresses(services, servers, processes):
    """Where the processes find PostgreSQL and the others, and each other's keys."""
    for name, service in servers.items():
        urls = {key: value for key, value in service["environment"].items() if key.endswith("_URL")}
        # The migration looks for nothing but the database.
        for key, url in urls.items() if name in processes else [("AIRSIDE_DATABASE_URL", urls["AIRSIDE_DATABASE_URL"])]:
            host = urllib.parse.urlsplit(url).hostname
            if host and not reaches(services, name, host):
                yield f"{FILE}: {name} does not reach {host} ({key})"
    keys = urllib.parse.urlsplit(SETTINGS["auth"]["jwks_url"])
    if processes.get(keys.hostname) != "auth" or keys.port != image.PORT:
        yield f"deploy/server.toml: auth.jwks_url is of {keys.netloc}, where no auth is"
    for name in processes:
        if not reaches(services, name, keys.hostname):
            yield f"{FILE}: {name} does not reach {keys.hostname} (auth.jwks_url)"


def proxy(services, processes):
    """What nginx looks for, and who believes nginx."""
    if not SETTINGS["http"]["listen"].endswith(f":{image.PORT}"):
        yield f"deploy/server.toml: http.listen is not port {image.PORT}, as in the Dockerfile"
    for service, found in nginx.upstreams("deploy/nginx/upstreams.conf").items():
        there = {name for name, roles in processes.items() if service in roles.split(",")}
        if {host for host, _ in found} != there:
            yield f"deploy/nginx/upstreams.conf: {service} is {[host for host, _ in found]}, in compose.yaml {sorted(there)}"
        for host, port in found:
            if port != image.PORT or not reaches(services, "nginx", host) or host not in fixed(services):
                yield f"deploy/nginx/upstreams.conf: {host}:{port} is no address of compose.yaml that stays"
    if fixed(services).get("nginx") not in SETTINGS["http"]["trusted_proxies"]:
        yield "deploy/server.toml: http.trusted_proxies has not the address of nginx"
    if not any(port.endswith(f":{nginx.LISTEN}") for port in services["nginx"]["ports"]):
        yield f"{FILE}: port {nginx.LISTEN} of nginx is not published"


def data(servers, processes):
    """Which folders processes share, and whether the data folder may be written."""
    for name, service in servers.items():
        mounts = [volume.split(":")[1] for volume in service.get("volumes", [])]
        temporary = [mount.split(":")[0] for mount in service.get("tmpfs", [])]
        if image.ENVIRONMENT["AIRSIDE_DATA_DIR"] not in mounts + temporary:
            yield f"{FILE}: {name} cannot write its data folder"
        shared = urllib.parse.urlsplit(service["environment"]["AIRSIDE_FILES_URL"]).path
        if {"admin", "worker", "ingest"} & set(processes.get(name, "").split(",")) and shared not in mounts:
            yield f"{FILE}: {name} does not have the uploaded files, {shared}"
