"""The files of docs/deploy.md: their syntax, what matters in them, and that the command has every flag they give it."""

import argparse
import configparser
import json
import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from pipelines import serve
from sources import ROOT

proxy_errors = pytest.importorskip("pipelines.serving.proxy_errors", reason="needs lfsc-tts[serve]")
GRACE_S = pytest.importorskip("pipelines.serving.transport", reason="needs lfsc-tts[serve]").GRACE_S
TEXT = (ROOT / "docs/deploy.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The flags, as the command reads them; it exits where it does not know one."""
    args = serve.arguments(arguments, None)
    serve.settings_of(args, serve.replicas_of(args))
    return args


COMPOSE, KUBERNETES, RAY = (list(yaml.safe_load_all(block)) for block in blocks("yaml"))
IMAGE, RAY_IMAGE = blocks("dockerfile")
DEPLOYMENT, SERVICE, SCALER = KUBERNETES


def instruction(dockerfile: str, name: str) -> str:
    """The last one of a name, of which the image is made."""
    return re.findall(rf"^{name} (.*)$", dockerfile.replace("\\\n", " "), re.MULTILINE)[-1]


def unit() -> configparser.ConfigParser:
    found = configparser.ConfigParser(strict=True, interpolation=None)
    found.optionxform = str  # keys of units have capitals
    found.read_string(blocks("ini")[0])
    return found


def test_the_unit_runs_the_command_locked_in():
    service = unit()["Service"]
    program, command, *flags = shlex.split(service["ExecStart"])
    assert program.endswith("/lfsc-tts") and command == "serve" and parsed(flags).port == 8880
    (name,) = re.findall(r"^ *server_name (.*);$", blocks("nginx")[0], re.MULTILINE)
    assert parsed(flags).allowed_host == [name]
    assert (
        service["DynamicUser"] == "yes" and service["ProtectSystem"] == "strict" and service["Restart"] == "on-failure"
    )
    assert int(service["TimeoutStopSec"].removesuffix("s")) > GRACE_S
    assert "LFSC_API_KEYS" not in service.get("Environment", "") and serve.KEYS in TEXT


def test_systemd_takes_the_unit(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    path = tmp_path / "lfsc-tts.service"
    path.write_text(blocks("ini")[0].replace("/usr/local/bin/lfsc-tts", shutil.which("true") or "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False, timeout=60)
    if "lfsc-tts" not in done.stderr and done.returncode:
        pytest.skip(f"systemd-analyze does not work here: {done.stderr[:200]}")
    assert done.returncode == 0 and "lfsc-tts.service" not in done.stderr, done.stderr


def test_the_image_runs_the_command_as_nobody():
    user, group = instruction(IMAGE, "USER").split(":")
    assert int(user) > 0 and int(group) > 0
    program, command, *flags = json.loads(instruction(IMAGE, "ENTRYPOINT"))
    assert (program, command) == ("lfsc-tts", "serve") and parsed(flags).host == "0.0.0.0"
    port = parsed(flags).port
    assert instruction(IMAGE, "EXPOSE") == str(port)
    health = instruction(IMAGE, "HEALTHCHECK")
    compile(json.loads(health[health.index("[") :])[2], "HEALTHCHECK", "exec")
    assert f"http://127.0.0.1:{port}/health" in health
    for dockerfile in (IMAGE, RAY_IMAGE):
        names = re.findall(r"^(\w+)", dockerfile.replace("\\\n", " "), re.MULTILINE)
        assert set(names) <= set("FROM WORKDIR COPY RUN ENV USER EXPOSE HEALTHCHECK ENTRYPOINT".split())


def test_compose_locks_it_in():
    (service,) = COMPOSE[0]["services"].values()
    assert parsed(service["command"]).threads == service["cpus"]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["ports"] == ["127.0.0.1:8880:8880"]
    assert not any(serve.KEYS in str(value) for value in service.values()) and service["env_file"]
    assert int(service["stop_grace_period"].removesuffix("s")) > GRACE_S


def test_the_manifest_fits_together():
    assert [(part["kind"], part["apiVersion"]) for part in KUBERNETES] == [
        ("Deployment", "apps/v1"),
        ("Service", "v1"),
        ("HorizontalPodAutoscaler", "autoscaling/v2"),
    ]
    spec, name = DEPLOYMENT["spec"], DEPLOYMENT["metadata"]["name"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels == SERVICE["spec"]["selector"]
    (port,) = spec["template"]["spec"]["containers"][0]["ports"]
    assert SERVICE["spec"]["ports"][0]["targetPort"] == port["name"] and port["containerPort"] == 8880
    target = SCALER["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", name)
    assert "replicas" not in spec  # the autoscaler's to say
    assert SCALER["spec"]["minReplicas"] < SCALER["spec"]["maxReplicas"]
    assert SCALER["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] < 50  # of SHARE in measuring.py


def test_a_pod_is_locked_in_and_asked_how_it_is():
    pod = DEPLOYMENT["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    args = parsed(container["args"])
    assert args.threads == int(container["resources"]["limits"]["cpu"]) and args.streams > 0
    paths = {
        probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert paths == {"startupProbe": "/health", "livenessProbe": "/health", "readinessProbe": "/ready"}
    assert all(container[probe]["httpGet"]["port"] == container["ports"][0]["name"] for probe in paths)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert str(pod["securityContext"]["runAsUser"]) == instruction(IMAGE, "USER").split(":")[0]
    locks = container["securityContext"]
    assert locks["readOnlyRootFilesystem"] is True and locks["allowPrivilegeEscalation"] is False
    assert locks["capabilities"] == {"drop": ["ALL"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    waits_s = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > waits_s + GRACE_S
    (key,) = container["env"]
    created = next(words for words in map(shlex.split, blocks("sh")) if words[0] == "kubectl")
    secret = key["valueFrom"]["secretKeyRef"]
    assert key["name"] == serve.KEYS and secret["name"] in created
    assert any(word.startswith(f"--from-literal={secret['key']}=") for word in created)


def test_the_ray_service_runs_this_application():
    spec = RAY[0]["spec"]
    config = yaml.safe_load(spec["serveConfigV2"])
    (application,) = config["applications"]
    module, _, function = application["import_path"].partition(":")
    assert module == serve.__name__ and callable(getattr(serve, function))
    args = parsed(["--ray", *shlex.split(application["args"]["options"])])
    count = serve.replicas_of(args)
    cluster = spec["rayClusterConfig"]
    (group,) = cluster["workerGroupSpecs"]
    assert (group["minReplicas"], group["maxReplicas"]) == (count.least, count.most)
    for each in (group, cluster["headGroupSpec"]):
        (container,) = each["template"]["spec"]["containers"]
        given = {variable["name"]: variable.get("value") for variable in container["env"]}
        assert set(given) == {serve.KEYS, "RAY_worker_niceness", proxy_errors.CALLBACK}
        assert given[proxy_errors.CALLBACK] == proxy_errors.IMPORT_PATH
    assert int(container["resources"]["limits"]["cpu"]) >= 1
    assert int(group["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"]) == args.threads
    assert f"export {proxy_errors.CALLBACK}={proxy_errors.IMPORT_PATH}\n" in blocks("sh")
    assert cluster["rayVersion"] in instruction(RAY_IMAGE, "FROM")


def test_ray_takes_the_configuration():
    pytest.importorskip("ray", reason="needs lfsc-tts[serve-ray]")
    from ray.serve.schema import ServeDeploySchema

    found = ServeDeploySchema.model_validate(yaml.safe_load(RAY[0]["spec"]["serveConfigV2"]))
    assert found.applications[0].route_prefix == "/" and found.http_options.port == 8000


def test_nginx_holds_nothing_back():
    (text,) = blocks("nginx")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    assert all(line.endswith((";", "{", "}")) for line in lines)
    depth = [sum(line.endswith("{") - (line == "}") for line in lines[: i + 1]) for i in range(len(lines))]
    assert min(depth) == 0 and depth[-1] == 0
    needed = ("proxy_http_version 1.1;", "proxy_buffering off;", "gzip off;", "proxy_set_header Host $host;")
    assert set(needed) <= set(lines)
    assert "proxy_set_header Upgrade $http_upgrade;" in lines and "listen 443 ssl;" in lines


def test_every_flag_in_the_text_exists(capsys):
    with pytest.raises(SystemExit):
        serve.arguments(["--help"], None)
    known = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
    named = set(re.findall(r"`(--[\w-]+)", re.sub(r"^```.*?^```", "", TEXT, flags=re.MULTILINE | re.DOTALL)))
    assert {"--replicas", "--threads", "--streams"} <= named <= known
