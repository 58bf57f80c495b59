#!/bin/bash
# The manifest of a plan against the schema of Kubernetes; no cluster is needed, and none is asked.
# Needs of PyPI: kubernetes-validate
# Usage: kubernetes.sh FOLDER
source "$(dirname "$0")/nets.sh"
mkdir -p "$1"
cd "$1"
prepare kubernetes digits.yaml --image registry.example/sgmn:1 --claim plans --cpus 2
cat digits.yaml
kubernetes-validate --strict digits.yaml
# The checker is awake: a field that does not exist is refused.
sed 's/completionMode/completionmode/' digits.yaml >wrong.yaml
if kubernetes-validate --strict wrong.yaml; then echo "expected a refusal"; exit 1; fi
