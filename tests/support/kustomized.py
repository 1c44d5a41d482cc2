"""What kustomize makes of an overlay, as far as deploy/kubernetes asks it: resources, components, settings, images, patches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml


def objects(folder: Path) -> list[Any]:
    """Return the objects of a kustomization, its components' among them."""
    kept = _kustomization(folder)
    found = [made for name in kept.get("resources", []) for made in _resource(folder / name)]
    for component in kept.get("components", []):
        part = folder / component
        found += objects(part)
        for patch in _kustomization(part).get("patches", []):
            _patched(found, patch)
    for made in found:
        _adapted(made, kept)
    return found


def settings(folder: Path) -> dict[str, str]:
    """Return what the one map of settings holds, an overlay's lines over its base's."""
    kept = _kustomization(folder)
    below = {
        key: value
        for name in kept.get("resources", [])
        if (folder / name).is_dir()
        for key, value in settings(folder / name).items()
    }
    lines = [
        line for made in kept.get("configMapGenerator", []) for env in made["envs"] for line in _lines(folder / env)
    ]
    return {**below, **dict(line.split("=", 1) for line in lines)}


def pods(made: Any) -> Iterator[Any]:
    """Yield an object's template of pods, where it has one."""
    if made["kind"] in {"Deployment", "Job"}:
        yield made["spec"]["template"]


def containers(made: Any) -> Iterator[Any]:
    """Yield every container that an object starts."""
    for pod in pods(made):
        yield from [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def _adapted(made: Any, kept: Any) -> None:
    images = {
        image["name"]: f"{image.get('newName', image['name'])}:{image['newTag']}" for image in kept.get("images", [])
    }
    for container in containers(made):
        container["image"] = images.get(container["image"], container["image"])
    for label in kept.get("labels", []):
        for told in (made, *pods(made)):
            told["metadata"].setdefault("labels", {}).update(label["pairs"])
    if "namespace" in kept:
        made["metadata"]["namespace"] = kept["namespace"]


def _kustomization(folder: Path) -> Any:
    return yaml.safe_load((folder / "kustomization.yaml").read_text())


def _resource(path: Path) -> list[Any]:
    return objects(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))


def _patched(found: list[Any], patch: Any) -> None:
    (target,) = [o for o in found if (o["kind"], o["metadata"]["name"]) == tuple(patch["target"].values())]
    for step in yaml.safe_load(patch["patch"]):
        assert step["op"] == "remove"
        *above, last = step["path"].strip("/").split("/")
        for name in above:
            target = target[name]
        del target[last]


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
