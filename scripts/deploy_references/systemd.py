"""The units: a step of deploy/README.md makes each thing that they need."""

import pathlib
import re
import subprocess
import tempfile
import tomllib
import urllib.parse

import nginx
import server
import steps

UNITS = {path.name: path.read_text() for path in pathlib.Path("deploy/systemd").glob("*.service")}
FOLDER = "/etc/airside/"


def environments(commands):
    """What the steps write into /etc/airside, by running those that write there: for each NAME.env its settings."""
    writes = [command for command in commands if command.startswith("echo ") and FOLDER in command]
    with tempfile.TemporaryDirectory() as folder:
        script = "\n".join(writes).replace(FOLDER, folder + "/")
        subprocess.run(["sh", "-e", "-c", script], check=True)
        return {
            path.stem: dict(line.split("=", 1) for line in path.read_text().split())
            for path in pathlib.Path(folder).glob("*.env")
        }


def first_steps(listens):
    """Whether README.md starts by hand what the units start: all roles, each where nginx looks for it."""
    where, text = "README.md, Production", "\n".join(steps.of("Production", "README.md"))
    each = re.search(r"for each in (.*?); do .*--listen (\S+)\$\{each#\*:\} &", text)
    processes = dict(process.split(":") for process in each[1].split())
    yield from server.roles(where, [(words, words) for words in processes])
    for roles, port in processes.items():
        name = "work" if "worker" in roles else roles
        if each[2] + port != listens.get(name):
            yield f"{where}: {roles} listens on {each[2]}{port}, and nginx looks for it on {listens.get(name)}"
    for file in re.findall(r"\bdeploy/[\w./-]+", text):
        if not pathlib.Path(file).is_file():
            yield f"{where}: {file} is not there"


def wrong():
    """Where steps, units and settings do not fit each other."""
    commands, where = steps.of("With systemd"), "deploy/README.md, With systemd"
    text = "\n".join(commands)
    processes = re.findall(r"airside@([\w-]+)", text)
    files = environments(commands)
    for name in set(processes) ^ set(files):
        yield f"{where}: {name} is started without {FOLDER}{name}.env, or has it and is not started"
    files = {name: values for name, values in files.items() if name in processes}
    yield from server.roles(where, [(name, values.get("AIRSIDE_ROLES", name)) for name, values in files.items()])

    listens = {name: values.get("AIRSIDE_HTTP_LISTEN", "nowhere") for name, values in files.items()}
    if len(set(listens.values())) < len(listens):
        yield f"{where}: two processes have one address: {listens}"
    for service, addresses in nginx.upstreams("deploy/systemd/upstreams.conf").items():
        for host, port in addresses:
            if f"{host}:{port}" != listens.get(service):
                yield f"deploy/systemd/upstreams.conf: {service} is at {host}:{port}, and listens on {listens.get(service)}"
    settings = tomllib.loads(pathlib.Path("deploy/systemd/server.toml").read_text())
    if urllib.parse.urlsplit(settings["auth"]["jwks_url"]).netloc != listens.get("auth"):
        yield f"deploy/systemd/server.toml: auth.jwks_url is not of {listens.get('auth')}, where auth listens"

    yield from first_steps(listens)
    if re.findall(r"systemctl start (\S+)", text) != [unit.removesuffix(".service") for unit in UNITS if "@" not in unit]:
        yield f"{where}: not all units are started"
    shared = urllib.parse.urlsplit(settings["files"]["url"]).path
    states = re.search(r"^StateDirectory=(.*)$", UNITS["airside@.service"], re.M)[1].split()
    if shared.removeprefix("/var/lib/") not in states:
        yield f"deploy/systemd/airside@.service: the folder of files.url, {shared}, may not be written ({states})"
    for unit, inside in UNITS.items():
        program = re.search(r"^ExecStart=(\S+)", inside, re.M)[1]
        if f"airside-server {pathlib.PurePath(program).parent}/" not in text:
            yield f"deploy/systemd/{unit}: no step puts the program to {program}"
        for file in re.findall(r"^LoadCredential=\S+?:(\S+)$", inside, re.M):
            if f" {file}" not in text:
                yield f"deploy/systemd/{unit}: no step makes {file}"
