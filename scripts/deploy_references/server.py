"""What the server knows: its settings, its roles, and which of them answer requests."""

import pathlib
import re
import tomllib

EXAMPLE = pathlib.Path("server/src/config/example.toml").read_text()
ROLES = tomllib.loads(re.search(r"^#(roles = .*)$", EXAMPLE, re.M)[1])["roles"]


def settings():
    """Their names in the environment."""
    names, section = {"AIRSIDE_CONFIG", "AIRSIDE_DATA_DIR"}, ""
    for line in EXAMPLE.splitlines():
        if match := re.match(r"\[(\w+)\]", line):
            section = match[1] + "_"
        elif match := re.match(r"#(\w+) = ", line):
            names.add(f"AIRSIDE_{section}{match[1]}".upper())
    return names


def roles(where, processes):
    """What is wrong with the roles of all processes of a place; for each its name and its roles, with commas."""
    missing = set(ROLES)
    for process, words in processes:
        for role in words.split(","):
            if role not in ROLES:
                yield f"{where}: {process} has the role {role}, which is none of {', '.join(ROLES)}"
            missing.discard(role)
    if missing:
        yield f"{where}: no process has the role {', '.join(sorted(missing))}"


def wrong():
    """Settings that the files of deploy/ hand to the server, and that it does not have."""
    known = settings()
    for path in sorted(pathlib.Path("deploy").rglob("*")):
        if path.is_file():
            for name in re.findall(r"\bAIRSIDE_[A-Z_]+\b", path.read_text()):
                if name not in known:
                    yield f"{path}: there is no setting {name}"
        if path.suffix == ".toml":
            for section, values in tomllib.loads(path.read_text()).items():
                for name in values:
                    if f"AIRSIDE_{section}_{name}".upper() not in known:
                        yield f"{path}: there is no setting {section}.{name}"
