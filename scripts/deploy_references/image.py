"""The image: what its build needs is handed to it, and what it builds is there."""

import fnmatch
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import tomllib

DOCKERFILE = pathlib.Path("deploy/Dockerfile").read_text().replace("\\\n", " ")
ENVIRONMENT = dict(
    pair.split("=", 1) for line in re.findall(r"^ENV (.*)$", DOCKERFILE, re.M) for pair in line.split()
)
PORT = int(ENVIRONMENT["AIRSIDE_HTTP_LISTEN"].rsplit(":", 1)[1])
USER = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.M).groups()
# What is read when something is compiled, beside what cargo finds itself.
INCLUDED = re.compile(r'\b(include_str|include_bytes|migrate)!\(\s*"([^"]+)"\s*\)')


def handed_over():
    """The files that `COPY . .` has, by .dockerignore: the last line that fits decides."""
    patterns = pathlib.Path(".dockerignore").read_text().split()
    for folder, folders, names in os.walk("."):
        if folder == ".":
            folders[:] = [name for name in folders if name not in ("target", ".git")]
        for name in names:
            path, taken = pathlib.Path(folder, name), True
            for pattern in patterns:
                if any(fnmatch.fnmatchcase(str(place), pattern.removeprefix("!")) for place in [path, *path.parents[:-1]]):
                    taken = pattern.startswith("!")
            if taken:
                yield path


def wrong():
    """All that would only show while the image is built."""
    files = set(handed_over())
    for path in [pathlib.Path("Cargo.lock"), *pathlib.Path(".cargo").glob("*")]:
        if path not in files:
            yield f".dockerignore: keeps back {path}"
    for path in sorted(file for file in files if file.suffix == ".rs"):
        for macro, name in INCLUDED.findall(path.read_text()):
            # Migrations are found from the crate's folder, files from the one of the source.
            base = pathlib.Path(path.parts[0]) if macro == "migrate" else path.parent
            needed = (pathlib.Path.cwd() / base / name).resolve().relative_to(pathlib.Path.cwd())
            if not any(file == needed or needed in file.parents for file in files) and "tests" not in path.parts:
                yield f".dockerignore: keeps back {needed}, which {path} includes"
    yield from build(files)
    exposed = re.search(r"^EXPOSE (\d+)$", DOCKERFILE, re.M)[1]
    if int(exposed) != PORT:
        yield f"deploy/Dockerfile: exposes {exposed}, and the server listens on {PORT}"
    if "0" in USER:
        yield "deploy/Dockerfile: the server is root"


def build(files):
    """Whether cargo finds in what is handed over the program that the image is made of."""
    command = re.search(r"cargo build [^&]*", DOCKERFILE)[0]
    package = re.search(r"--package (\S+)", command)[1]
    program = re.search(r"install \"target/\$target/release/(\S+)\"", DOCKERFILE)[1]
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            copy = pathlib.Path(folder, file)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
        known = subprocess.run(
            ["cargo", "metadata", "--no-deps", "--offline", "--format-version=1"],
            cwd=folder, capture_output=True, text=True,
        )
    if known.returncode:
        yield f"deploy/Dockerfile: with what .dockerignore leaves, cargo says: {known.stderr.strip()}"
        return
    programs = [
        target["name"]
        for each in json.loads(known.stdout)["packages"] if each["name"] == package
        for target in each["targets"] if "bin" in target["kind"]
    ]
    if program not in programs:
        yield f"deploy/Dockerfile: `{command.strip()}` does not build {program}"
    if "+crt-static" not in DOCKERFILE or "--target" not in command:
        yield "deploy/Dockerfile: the program is not static, and the image has no libraries"
    least = tomllib.loads(pathlib.Path("Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    compiler = re.search(r"^FROM rust:([\d.]+)", DOCKERFILE, re.M)[1]
    if [int(part) for part in compiler.split(".")] < [int(part) for part in least.split(".")]:
        yield f"deploy/Dockerfile: has Rust {compiler}, and Cargo.toml asks for {least}"
