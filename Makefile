# SPDX-License-Identifier: GPL-2.0-only
# Stallscope's build. `make help` lists the targets; V=1 shows the commands.

comma := ,
# Each set of sanitizers has a build of its own.
O ?= build$(if $(SAN),-$(subst $(comma),-,$(SAN)))
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

ifeq ($(V),1)
  Q :=
  say = @:
else
  Q := @
  say = @printf '  %-7s %s\n'
endif

VERSION := 0.1.0
CC ?= gcc
ifeq ($(origin CC),default)
  CC := gcc
endif
AR ?= ar
PREFIX ?= /usr/local

# What is needed from outside (packages, libbpf, a guest kernel) is found or
# fetched by tools/setup, which writes where things are into config.mk.
no_config_goals := clean help check check-contracts check-docs check-format check-rooms
ifneq ($(filter-out $(no_config_goals),$(or $(MAKECMDGOALS),all)),)
  include $(O)/config.mk
endif

$(O)/config.mk: tools/setup $(wildcard tools/run/lib/*.sh)
	@mkdir -p $(@D)
	$(Q)KERNEL='$(KERNEL)' MODULES='$(MODULES)' tools/setup --output $@

CFLAGS ?= -O2 -g
warnings := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wshadow
# SAN=address,undefined: with sanitizers. COVERAGE=1: with gcov's counts, which
# make coverage adds up; a test's process ends by _exit() and writes its own first.
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) \
	$(if $(COVERAGE),--coverage -fprofile-update=atomic)
cflags = -std=gnu11 $(warnings) -D_GNU_SOURCE -DSS_VERSION='"$(VERSION)"' -Iinclude -Ihost -I$(O)/gen \
	-mno-red-zone -pthread -MMD -MP $(LIBBPF_CFLAGS) $(CFLAGS) $(SAN_FLAGS)
ldflags = -pthread $(LDFLAGS) $(SAN_FLAGS) $(if $(COVERAGE),-Wl$(comma)-u$(comma)__gcov_dump)

# How every C source is compiled; folders add to cflags for their objects.
define compile
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(cflags) -c -o $@ $<
endef

$(O)/%.o: %.c
	$(compile)

all_targets :=
include $(wildcard host/build.mk bpf/build.mk guest-tests/build.mk tools/run/build.mk tools/dev/*/build.mk)

.PHONY: all check check-contracts check-docs clean help demo
all: $(all_targets)

# The main job: a throttled disk, a scheduler of ours, readers and writers that
# wait for the disk beside a program that only wants the CPU.
DISK ?= size=256M,iops=8
# kvm, qemu or nested: what runs the guest.
MACHINE ?= auto
DEMO_SECONDS ?= 12
DEMO_SCHED ?= $(O)/guest/scx_vtime
DEMO_EXEC ?= fio --output-format=terse --terse-version=3 --eta=never --group_reporting=1 --direct=1 \
	--filename=$$STALLSCOPE_DISK0 --bs=4k --ioengine=psync --time_based=1 --runtime=$(DEMO_SECONDS) \
	--name=readers --rw=randread --numjobs=2 --name=writer --rw=randwrite --fsync=16 \
	--name=spinner --ioengine=cpuio --cpuload=30
# NET=loopback,pps=500: network pressure at the same time.
NET ?=
demo_exec = $(if $(NET),netcheck --frames 0 & )$(strip $(DEMO_EXEC))$(if $(NET),; rc=$$?; kill $$!; wait $$! && exit $$rc)
demo: all
	$(Q)fio=$$(tools/get-fio) && $(O)/stallscope run --machine $(MACHINE) --name demo --out $(O)/demo \
		--kernel $(or $(GUEST_VMLINUX),$(GUEST_KERNEL)) $(if $(GUEST_MODULES),--modules $(GUEST_MODULES)) \
		--cpus 2 --memory 512M --disk '$(DISK)' $(if $(NET),--net '$(NET)' --file $(O)/guest/netcheck:/usr/bin/netcheck) \
		--sched $(DEMO_SCHED) --file "$$fio:/usr/bin/fio" --exec '$(demo_exec)'

# What needs no build, and in a tree that was built what is made from the code. Formatting only
# where there is a clang-format.
check: check-contracts check-docs check-rooms
	$(Q)if [ -e $(O)/run-docs ]; then $(MAKE) check-figures; else echo 'nothing built: run.schema.json not compared with the code'; fi
	$(Q)if command -v $(CLANG_FORMAT) >/dev/null; then $(MAKE) check-format; else echo 'no clang-format: formatting not checked'; fi

# Documentation/contracts/README.md says what is demanded.
check-contracts:
	$(Q)tools/dev/check-contracts

check-docs:
	$(Q)tools/dev/check-docs

clean:
	$(Q)rm -rf $(O)

help:
	@echo 'make               build everything into build/'
	@echo 'make demo          boot a throttled guest, trace it, say whose fault the stalls were'
	@echo '                   (DISK=... replaces its disk, NET=loopback,pps=500 adds network'
	@echo '                   pressure, KERNEL=... MODULES=... another kernel,'
	@echo '                   MACHINE=nested our own machine where there is no real KVM)'
	@echo 'make run_tests     run the tests (TARGETS="device cli", T=name for one)'
	@echo '                   (SHARD=2/8 a part of them; SAN=address,undefined or SAN=thread'
	@echo '                   with sanitizers, in a build of their own)'
	@echo 'make gen_tar       pack the tests for a machine without compiler (GUEST=1: and guests)'
	@echo 'make install       install the program and its manual (DESTDIR=, PREFIX=/usr/local)'
	@echo 'make coverage      the lines that the tests run, group by group, into build/coverage'
	@echo 'make mutants       put small faults into a copy of the code: does a test notice each?'
	@echo '                   (M="name..." for some, J=N at once)'
	@echo 'make bench         measure the devices beside the limits of this machine, also into'
	@echo '                   build/bench.json (BENCH_STRICT=1 fails when a target is missed)'
	@echo 'make check         all of the following; check-format only where there is a clang-format'
	@echo 'make check-format  compare the sources with .clang-format'
	@echo 'make check-rooms   does each room of host/ include only what host/rooms allows?'
	@echo 'make check-contracts'
	@echo '                   do Documentation/contracts, the code and the tests agree?'
	@echo 'make check-docs    do the documents name only paths and functions that are there?'
	@echo 'make check-figures do run.schema.json, run-json.md and live-json.md say what the code does?'
	@echo '                   (in make check only where something was built)'
	@echo 'make docs          write these anew from the tables of figures'
	@echo 'make clean         remove build/'
	@echo 'make V=1 ...       show the commands'
