"""The image's name follows what is in it, and nothing else."""

from __future__ import annotations

import pytest

from tools.lab import image


def test_another_ingredient_is_another_image_and_the_same_recipe_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    before = image.digest()
    assert image.digest() == before
    monkeypatch.setitem(image.FILES, "etc/hostname", "till\n")
    assert image.digest() != before


def test_packages_come_from_where_this_machine_gets_its_own() -> None:
    security, archive = "http://mirror.example/security/ bookworm-security main", "http://mirror.example/debian/ bookworm main"
    listed = f"{security}\n{archive}\nhttp://other.example/ nodistro main\n"
    assert image.sources(listed) == (f"deb {archive}", f"deb {security}")
    with pytest.raises(RuntimeError, match="no source of Debian bookworm"):
        image.sources("http://mirror.example/security/ bookworm-security main\n")


def test_the_first_file_system_loads_its_modules_before_it_mounts_the_disk() -> None:
    script = image.INIT.format(modules="virtio_blk.ko ext4.ko")
    assert script.index("insmod") < script.index("mount -t ext4") < script.index("switch_root")
