"""The register lab: a whole register PC in a virtual machine, its devices plugged into the real kernel. See docs/lab.md."""
