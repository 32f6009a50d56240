"""What is in `deploy/` fits the server as it is: its commands, settings, ports, routes and times."""

import copy
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from sixin.cli.main import parser
from sixin.core.limits import POSTGRES_READERS_MAX, WORKER_STOP_EXTRA_S
from sixin.server.config import Settings, load_settings
from sixin.version import __version__

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
HAPROXY = (DEPLOY / "haproxy.cfg").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
MANIFESTS: list[dict[str, Any]] = [
    manifest
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(file.read_text())
]
NODES = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "sixin"}
PORT = Settings().port


def manifest(kind: str) -> dict[str, Any]:
    (found,) = [one for one in MANIFESTS if one["kind"] == kind]
    return found


def pod() -> dict[str, Any]:
    spec: dict[str, Any] = manifest("Deployment")["spec"]["template"]["spec"]
    return spec


def container() -> dict[str, Any]:
    (found,) = pod()["containers"]
    assert isinstance(found, dict)
    return found


def instruction(name: str) -> str:
    """The words of the last such line of the Dockerfile, continued lines included."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return str(re.findall(rf"^{name}\s+(.*)$", joined, re.MULTILINE)[-1])


def environments() -> Iterator[tuple[str, dict[str, str]]]:
    yield "image", dict(word.split("=", 1) for word in shlex.split(instruction("ENV")))
    for name, service in NODES.items():
        yield name, service["environment"]
    yield "kubernetes", {entry["name"]: entry.get("value", "") for entry in container()["env"]}


@pytest.mark.parametrize(("where", "variables"), list(environments()))
def test_every_variable_is_a_setting_and_every_value_a_valid_one(where: str, variables: dict[str, str]) -> None:
    ours = {name: value for name, value in variables.items() if name.startswith("SIXIN_")}
    assert ours, where
    assert {name.removeprefix("SIXIN_").lower() for name in ours} <= set(Settings.__struct_fields__)
    load_settings(environ={name: value for name, value in ours.items() if value})


def test_what_is_started_is_a_command_that_there_is() -> None:
    for words in (yaml.safe_load(instruction("CMD")), container()["args"]):
        assert parser().parse_args(words).command == "serve"
    assert yaml.safe_load(instruction("ENTRYPOINT")) == ["sixin"]


def test_the_image_runs_as_nobody_in_particular_and_the_pod_as_the_same() -> None:
    uid, gid = map(int, instruction("USER").split(":"))
    assert uid > 0
    security = pod()["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"], security["runAsNonRoot"]) == (uid, gid, True)
    assert container()["securityContext"]["readOnlyRootFilesystem"]
    data = dict(word.split("=", 1) for word in shlex.split(instruction("ENV")))["SIXIN_DATA"]
    assert instruction("VOLUME") == data
    # With a root file system that is read only, what is written has to be mounted.
    assert {mount["mountPath"] for mount in container()["volumeMounts"]} == {data, "/tmp"}  # noqa: S108 - in a pod


def test_every_port_is_the_one_that_the_server_listens_on() -> None:
    assert int(instruction("EXPOSE")) == PORT
    assert f":{PORT}/healthz" in instruction("HEALTHCHECK")
    assert container()["ports"] == [{"name": "http", "containerPort": PORT}]
    assert manifest("Service")["spec"]["ports"][0]["targetPort"] == "http"
    assert manifest("Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] == "sixin"
    assert COMPOSE["services"]["balancer"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert f"bind :{PORT}" in HAPROXY


def test_probes_ask_routes_that_there_are_and_life_does_not_depend_on_the_database() -> None:
    routes = (ROOT / "src/sixin/server/gateway/http.py").read_text()
    probes = {name: container()[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert probes == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}
    for path in [*probes.values(), "/metrics"]:
        assert f'web.get("{path}"' in routes
    assert "option httpchk GET /readyz" in HAPROXY


def test_whoever_stops_a_node_waits_until_it_has_drained() -> None:
    drain_s = next(float(entry["value"]) for entry in container()["env"] if entry["name"] == "SIXIN_DRAIN_TIMEOUT_S")
    pause_s = float(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod()["terminationGracePeriodSeconds"] >= pause_s + drain_s + WORKER_STOP_EXTRA_S
    for service in NODES.values():
        seconds = int(service["stop_grace_period"].removesuffix("s"))
        assert seconds >= float(service["environment"]["SIXIN_DRAIN_TIMEOUT_S"]) + WORKER_STOP_EXTRA_S


def test_no_silence_between_two_pings_is_taken_for_death() -> None:
    quiet_s = Settings().ping_interval_s + Settings().ping_timeout_s
    (tunnel_s,) = re.findall(r"^\s*timeout tunnel (\d+)s$", HAPROXY, re.MULTILINE)
    timeouts = [int(tunnel_s), *map(int, manifest("Ingress")["metadata"]["annotations"].values())]
    assert all(timeout_s > quiet_s for timeout_s in timeouts)


def test_the_balancer_knows_every_node_and_nothing_sticks() -> None:
    servers = dict(re.findall(r"^\s*server (\S+) (\S+)$", HAPROXY, re.MULTILINE))
    assert servers == {name: f"{name}:{PORT}" for name in NODES}
    assert len(servers) == 3
    assert set(COMPOSE["services"]["balancer"]["depends_on"]) == set(NODES)
    (connections,) = re.findall(r"^\s*maxconn (\d+)$", HAPROXY, re.MULTILINE)
    assert COMPOSE["services"]["balancer"]["ulimits"]["nofile"] > 2 * int(connections) + 100
    assert "cookie" not in HAPROXY
    assert "stick-table" not in HAPROXY
    # Neither figures nor the operator's door for the world.
    assert "deny if { path /metrics } || { path_beg /v1/admin/ }" in HAPROXY


def test_all_nodes_have_one_secret_one_store_and_one_bus() -> None:
    for name in ("SIXIN_SECRET", "SIXIN_STORE", "SIXIN_BUS"):
        assert len({service["environment"][name] for service in NODES.values()}) == 1
    store, bus = (NODES["node1"]["environment"][name] for name in ("SIXIN_STORE", "SIXIN_BUS"))
    assert "@postgres:5432/sixin" in store
    assert "@nats:4222" in bus
    assert {"postgres", "nats"} <= set(COMPOSE["services"])
    assert {service["environment"]["SIXIN_NODE"] for service in NODES.values()} == set(NODES)


def test_the_database_has_room_for_the_connections_of_all_nodes() -> None:
    options = " ".join(COMPOSE["services"]["postgres"]["command"])
    (allowed,) = re.findall(r"max_connections=(\d+)", options)
    assert int(allowed) > len(NODES) * (POSTGRES_READERS_MAX + 1) + 10
    assert "fsync" not in options  # what is acknowledged is on disk


def test_no_secret_is_written_down() -> None:
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD|STORE|BUS", name):
                assert "${" in value
    assert set(manifest("Secret")["stringData"].values()) == {""}
    keys = set(manifest("Secret")["stringData"])
    used = [entry["valueFrom"]["secretKeyRef"] for entry in container()["env"] if "secretKeyRef" in str(entry)]
    assert {reference["key"] for reference in used} == keys
    assert {reference["name"] for reference in used} == {manifest("Secret")["metadata"]["name"]}


def test_every_image_has_a_version() -> None:
    named = [service["image"] for service in COMPOSE["services"].values() if "build" not in service]
    named += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    named.append(container()["image"])
    for image in named:
        name, _, version = image.partition(":")
        assert version, name
        assert "latest" not in version
    assert container()["image"] == f"sixin:{__version__}"
    # The oldest Python that we support, or newer.
    (python,) = set(re.findall(r"^FROM python:3\.(\d+)-slim", DOCKERFILE, re.MULTILINE))
    assert int(python) >= 11


def test_the_image_is_built_from_what_there_is() -> None:
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE):
        for name in line.split():
            assert (ROOT / name).exists()
            assert f"!{name}" in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()


def mistakes(manifest: dict[str, Any]) -> list[str]:
    """What Kubernetes itself would refuse, unknown fields included."""
    schema = json.loads((Path(__file__).parent / "kubernetes-1.32.json").read_text())
    kind = {"$ref": f"#/$defs/{schema['kinds'][manifest['kind']]}", "$defs": schema["$defs"]}
    return [error.message for error in Draft202012Validator(kind).iter_errors(manifest)]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest["kind"])
def test_kubernetes_would_take_every_manifest(manifest: dict[str, Any]) -> None:
    assert mistakes(manifest) == []
    misspelt = copy.deepcopy(manifest)
    misspelt["metadata"]["lables"] = {}
    assert mistakes(misspelt)


def test_a_wrong_field_deep_in_a_pod_would_be_seen() -> None:
    wrong = copy.deepcopy(manifest("Deployment"))
    wrong["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["portt"] = 1
    wrong["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] = ["2Gi"]
    assert len(mistakes(wrong)) == 2


def test_labels_and_selectors_agree() -> None:
    deployment = manifest("Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    for selector in (
        deployment["selector"]["matchLabels"],
        manifest("Service")["spec"]["selector"],
        manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
