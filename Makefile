# Each target does all of its own set-up: virtual environment, pip, and apt where that may be used.

PY := .venv/bin/python

.PHONY: demo test test-firmware test-servers test-shared captures check matrix bench fuzz clean

demo: .venv/.runs
	.venv/bin/pxeconform demo

test: .venv/.tests
	$(PY) -m pytest tests -m "not shared and not firmware and not farm"

# Certifies the TFTP servers that make test leaves out, and holds the verdicts against what was reviewed. Minutes.
test-servers: .venv/.tests
	$(PY) -m pytest tests/servers -m farm

# Boots real firmware under QEMU (packages qemu-system-x86, ipxe-qemu, ovmf).
test-firmware: .venv/.tests
	$(PY) -m pytest tests/firmware -m firmware

# Tests on the lab captures; PXECONFORM_SHARED names the folder that holds `captures/`.
test-shared: .venv/.tests
	PXECONFORM_SHARED="$${PXECONFORM_SHARED:-../shared}" $(PY) -m pytest tests/shared tests/stories -m shared

# Plays every scenario of tests/causes again and writes its capture; installs firmware and servers where it may. An hour.
captures: .venv/.tests
	$(PY) -m tests.causes.make --install --jobs 2

check: .venv/.tests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy --strict

# Which rule convicts which faulty server: computes docs/kill-matrix.md. And are verdicts the same, one scenario at a time?
matrix: .venv/.tests
	$(PY) -m tests.mutants.matrix
	$(PY) -m tests.servers.together

# Minutes and 10 GB of disk; QUICK=1 for small captures, PARTS="storm small" for some of it, FOLDER=DIR for where,
# DOCS=1 to put the figures into docs/performance.md.
bench: .venv/.bench
	$(PY) -m compileall -q pxeconform
	$(PY) -m tests.bench $(if $(QUICK),--quick) $(if $(DOCS),--docs) $(if $(FOLDER),--folder $(FOLDER)) $(PARTS)

# Hostile captures by the hundred thousand; what breaks is kept in build/fuzz.
fuzz: .venv/.tests
	$(PY) -m tests.fuzz --mutants $${MUTANTS:-200000} --first $${FIRST:-1000000}

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build dist

.venv/.runs: pyproject.toml constraints.txt scripts/setup
	sh scripts/setup run

.venv/.tests: pyproject.toml constraints.txt scripts/setup
	sh scripts/setup test

.venv/.bench: .venv/.tests
	sh scripts/setup bench
