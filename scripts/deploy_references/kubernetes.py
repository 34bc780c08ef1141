"""The manifests as kustomize builds them: what they name is there, and the policies let it be reached."""

import pathlib
import re
import shlex
import subprocess
import tempfile
import urllib.parse

import yaml

import image
import nginx
import server
import steps

WHERE = "deploy/kubernetes"
STEPS = steps.of("With Kubernetes")
# What a URL without a port means.
PORTS = {"postgres": 5432, "rediss": 6379, "amqps": 5671, "https": 443}


def wrong(objects, kubectl):
    """Where they do not fit each other, the image, nginx and the steps."""
    pods = {
        each["metadata"]["name"]: each["spec"]["template"]
        for each in objects
        if each["kind"] in ("Deployment", "Job")
    }
    for each in objects:
        if each["metadata"].get("namespace", each["metadata"]["name"]) != "airside":
            yield f"{WHERE}: {each['kind']} {each['metadata']['name']} is not in the namespace airside"
    secrets = made_by_steps(kubectl)
    yield from references(objects, pods, secrets)
    yield from selectors(objects, pods)
    yield from processes(objects, pods)
    yield from connections(objects, pods, secrets)
    yield from job(objects)


def made_by_steps(kubectl):
    """The secrets that the steps make, by running them without a cluster."""
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        keys = pathlib.Path(folder, "secrets/signing-keys")
        keys.mkdir(parents=True)
        (keys / "20260101T000000Z.key").touch()
        for step in STEPS:
            if " create secret " in step:
                command = [kubectl, *shlex.split(step)[1:], "--dry-run=client", "--output=yaml"]
                secret = yaml.safe_load(subprocess.check_output(command, cwd=folder, text=True))
                made[secret["metadata"]["name"]] = secret
    return made


def containers(pod):
    return pod["spec"]["containers"] + pod["spec"].get("initContainers", [])


def references(objects, pods, secrets):
    """Config maps, secrets, service accounts, ports and mounts that pods name."""
    there = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    used = set()
    for name, pod in pods.items():
        maps = [volume["configMap"]["name"] for volume in pod["spec"].get("volumes", []) if "configMap" in volume]
        keys = [(volume["secret"]["secretName"], None) for volume in pod["spec"].get("volumes", []) if "secret" in volume]
        account = pod["spec"].get("serviceAccountName")
        if account and ("ServiceAccount", account) not in there:
            yield f"{WHERE}: {name} has the service account {account}, which is not there"
        for container in containers(pod):
            for source in container.get("envFrom", []):
                maps += [source["configMapRef"]["name"]] if "configMapRef" in source else []
                keys += [(source["secretRef"]["name"], None)] if "secretRef" in source else []
            for variable in container.get("env", []):
                if key := variable.get("valueFrom", {}).get("secretKeyRef"):
                    keys.append((key["name"], key["key"]))
            volumes = {volume["name"] for volume in pod["spec"].get("volumes", [])}
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    yield f"{WHERE}: {name} mounts {mount['name']}, which is not there"
            ports = {port["name"] for port in container.get("ports", [])}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if probe in container and container[probe]["httpGet"]["port"] not in ports:
                    yield f"{WHERE}: {probe} of {name} asks a port that is not there"
        for config in maps:
            if ("ConfigMap", config) not in there:
                yield f"{WHERE}: {name} has the config map {config}, which is not there"
            elif "nginx.conf" in (data := there["ConfigMap", config]["data"]):
                for include in re.findall(r"^\s*include ([^;]+);", data["nginx.conf"], re.M):
                    if include not in data:
                        yield f"deploy/kustomization.yaml: the config map {config} lacks {include}, which nginx.conf includes"
        for secret, key in keys:
            used.add(secret)
            if secret not in secrets or key not in (None, *secrets[secret]["data"]):
                yield f"{WHERE}: {name} has the secret {secret} ({key or 'all'}), which no step in deploy/README.md makes"
    for secret in sorted(set(secrets) - used):
        yield f"deploy/README.md: a step makes the secret {secret}, which nothing has"


def matches(selector, labels):
    """Whether a label selector takes these labels; one that says nothing takes all."""
    for label, value in selector.get("matchLabels", {}).items():
        if labels.get(label) != value:
            return False
    for each in selector.get("matchExpressions", []):
        assert each["operator"] == "In", each
        if labels.get(each["key"]) not in each["values"]:
            return False
    return True


def nobody(selector, pods):
    """The parts of a selector that no pod answers to."""
    alone = [{"matchLabels": selector["matchLabels"]}] if "matchLabels" in selector else []
    for each in selector.get("matchExpressions", []):
        alone += [{"matchLabels": {each["key"]: value}} for value in each["values"]]
    for part in alone:
        if not any(matches(part, pod["metadata"]["labels"]) for pod in pods.values()):
            yield part["matchLabels"]


def selectors(objects, pods):
    """Whether who chooses pods by labels gets some, and who scales a deployment finds it."""
    budgets = []
    for each in objects:
        kind, name, spec = each["kind"], each["metadata"]["name"], each.get("spec", {})
        chosen = []
        if kind == "Service":
            chosen = [{"matchLabels": spec["selector"]}]
            behind = [pod for pod in pods.values() if matches(chosen[0], pod["metadata"]["labels"])]
            for port in spec["ports"]:
                if not all(port["targetPort"] in [p["name"] for c in containers(pod) for p in c["ports"]] for pod in behind):
                    yield f"{WHERE}: Service {name} has the port {port['targetPort']}, which its pods do not have"
        elif kind == "Deployment":
            spreads = spec["template"]["spec"].get("topologySpreadConstraints", [])
            for selector in [spec["selector"], *(spread["labelSelector"] for spread in spreads)]:
                if not matches(selector, spec["template"]["metadata"]["labels"]):
                    yield f"{WHERE}: Deployment {name} does not choose its own pods by {selector}"
        elif kind == "PodDisruptionBudget":
            chosen = [spec["selector"]]
            budgets.append(spec["selector"])
        elif kind == "NetworkPolicy":
            rules = [peer for rule in spec.get("ingress", []) for peer in rule.get("from", [])]
            rules += [peer for rule in spec.get("egress", []) for peer in rule.get("to", [])]
            chosen = [spec["podSelector"], *(peer["podSelector"] for peer in rules if "podSelector" in peer)]
        elif kind == "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]["name"]
            deployment = next((o for o in objects if o["kind"] == "Deployment" and o["metadata"]["name"] == target), None)
            if not deployment:
                yield f"{WHERE}: the autoscaler {name} scales {target}, which is not there"
            elif "replicas" in deployment["spec"]:
                yield f"{WHERE}: {target} is scaled, and set back to `replicas` by each apply"
            elif not all("cpu" in c["resources"]["requests"] for c in containers(pods[target])):
                yield f"{WHERE}: {target} is scaled by a share of its request for cpu, and has none"
        for selector in chosen:
            for labels in nobody(selector, pods):
                yield f"{WHERE}: {kind} {name} chooses {labels}, which no pod has"
    for each in objects:
        labels = each.get("spec", {}).get("template", {}).get("metadata", {}).get("labels", {})
        if each["kind"] == "Deployment" and not any(matches(selector, labels) for selector in budgets):
            yield f"{WHERE}: Deployment {each['metadata']['name']} has no disruption budget"


def roles(pod):
    """The roles of a pod of the server, with commas."""
    for container in containers(pod):
        arguments = container.get("args", [])
        if "--roles" in arguments:
            return arguments[arguments.index("--roles") + 1]
    return ""


def processes(objects, pods):
    """Roles, images and ports."""
    yield from server.roles(WHERE, [(name, roles(pod)) for name, pod in pods.items() if roles(pod)])
    for name, pod in pods.items():
        for container in containers(pod):
            if ":" not in container["image"]:
                yield f"deploy/kustomization.yaml: says no release of the image {container['image']} ({name})"
            mine = container["image"].rsplit("/", 1)[-1].split(":")[0] == "airside-server"
            for port in container.get("ports", []):
                if port["containerPort"] != (image.PORT if mine else nginx.LISTEN):
                    yield f"{WHERE}: {name} listens on another port than {port['containerPort']}"
            if mine and str(pod["spec"]["securityContext"]["runAsUser"]) != image.USER[0]:
                yield f"{WHERE}: {name} is not the image's user {image.USER[0]}"


def service(objects, pods, host, port):
    """The pods behind a service's address."""
    for each in objects:
        if each["kind"] == "Service" and each["metadata"]["name"] == host:
            for at in each["spec"]["ports"]:
                if at["port"] == port:
                    selector = {"matchLabels": each["spec"]["selector"]}
                    return {name: pod for name, pod in pods.items() if matches(selector, pod["metadata"]["labels"])}
    return {}


def connections(objects, pods, secrets):
    """Whether nginx finds the services, the processes find the keys and their data, and policies let them."""
    policies = [each["spec"] for each in objects if each["kind"] == "NetworkPolicy"]
    for role, addresses in nginx.upstreams("deploy/kubernetes/upstreams.conf").items():
        for host, port in sorted(set(addresses)):
            behind = service(objects, pods, host, port)
            if not behind or not all(role in roles(pod).split(",") for pod in behind.values()):
                yield f"deploy/kubernetes/upstreams.conf: {role} is not at {host}:{port}"
            for name, pod in behind.items():
                if not allowed(policies, pods["airside-nginx"], pod, image.PORT):
                    yield f"{WHERE}/network.yaml: nginx may not speak to {name}"
    settings = next(o for o in objects if o["kind"] == "ConfigMap" and o["metadata"]["name"] == "airside")["data"]
    keys = urllib.parse.urlsplit(settings["AIRSIDE_AUTH_JWKS_URL"])
    auth = service(objects, pods, keys.hostname, keys.port)
    if not auth or not all("auth" in roles(pod).split(",") for pod in auth.values()):
        yield f"{WHERE}/config.yaml: no auth is at {keys.netloc} (AIRSIDE_AUTH_JWKS_URL)"
    for name, pod in pods.items():
        if roles(pod) and "auth" not in roles(pod).split(","):
            for there, other in auth.items():
                if not allowed(policies, pod, other, image.PORT):
                    yield f"{WHERE}/network.yaml: {name} may not speak to {there}"
    if not allowed(policies, None, pods["airside-nginx"], nginx.LISTEN):
        yield f"{WHERE}/network.yaml: clients may not speak to nginx"
    examples = {secret: re.search(r"\w+://\S+", step) for step in STEPS for secret in secrets if f" {secret} " in step}
    for name, pod in pods.items():
        for container in containers(pod):
            for variable in container.get("env", []):
                secret = variable.get("valueFrom", {}).get("secretKeyRef", {"name": None})["name"]
                if found := examples.get(secret):
                    url = urllib.parse.urlsplit(re.sub(r"^s3://.*endpoint=", "", found[0].strip("'")))
                    port = url.port or PORTS[url.scheme]
                    if not allowed(policies, pod, None, port):
                        yield f"{WHERE}/network.yaml: {name} may not speak to port {port}, where {secret} is"


def allowed(policies, source, target, port):
    """Whether the policies let one pod speak to another; None is who is outside."""
    ways = [("Egress", "egress", "to", source, target), ("Ingress", "ingress", "from", target, source)]
    for kind, rules, peers, mine, other in ways:
        if mine is None:
            continue
        apply = [
            policy for policy in policies
            if kind in policy["policyTypes"] and matches(policy["podSelector"], mine["metadata"]["labels"])
        ]
        found = [rule for policy in apply for rule in policy.get(rules, [])]
        if apply and not any(lets(rule, peers, other, port) for rule in found):
            return False
    return True


def lets(rule, peers, other, port):
    if "ports" in rule and port not in [each["port"] for each in rule["ports"]]:
        return False
    if peers not in rule:
        return True
    if other is None:
        return any("ipBlock" in peer for peer in rule[peers])
    return any(
        "podSelector" in peer and "namespaceSelector" not in peer and matches(peer["podSelector"], other["metadata"]["labels"])
        for peer in rule[peers]
    )


def job(objects):
    """The step that applies the migration alone, and those that are applied before it."""
    step = next(step for step in STEPS if "kubectl apply -l" in step)
    label, value = re.search(r"-l (\S+)=(\S+)", step).groups()
    chosen = [
        f"{each['kind']} {each['metadata']['name']}" for each in objects
        if each["metadata"].get("labels", {}).get(label) == value
    ]
    if chosen != ["Job airside-migrate"]:
        yield f"deploy/README.md: `{step}` applies {chosen or 'nothing'}"
    for file in re.findall(r"-f (deploy/\S+)", "\n".join(STEPS)):
        if not pathlib.Path(file).is_file():
            yield f"deploy/README.md: {file} is not there"
