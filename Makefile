# The one front door: `make help` says what there is. Needs GNU make.

STEPS := step1_iterative step2_sleep step3_fork step4_leak step5_zombie step6_sigchld step7_waitpid
SERVERS := $(STEPS:=/server) step6_sigchld/eintr
PROGRAMS := $(SERVERS) client/client
SOURCES := $(PROGRAMS:=.c)
UNITS := $(SERVERS:%=build/tests/unit/%) build/tests/unit/client
SCRIPTS := $(wildcard tools/* tests/*.bats tests/*.bash .ci/run)

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
COMPILE = $(CC) -std=c11 $(WARNINGS) $(CFLAGS)

# SANITIZE=address,undefined makes a second set of programs, beside the first one.
comma := ,
SET := $(if $(SANITIZE),build/$(subst $(comma),-,$(SANITIZE)),.)
ifdef SANITIZE
COMPILE += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
BIN := $(CURDIR)/$(SET)

export BIN CC CFLAGS STEP SERVER VALGRIND

.PHONY: all
all: $(PROGRAMS:%=$(SET)/%) ## Build the servers of all stages and the client.

# What was built with other flags is built again: build/.../flags changes only when they do.
FLAGS := $(if $(SANITIZE),$(SET),build)/flags
$(shell mkdir -p $(dir $(FLAGS)) && echo '$(COMPILE)' | cmp -s - $(FLAGS) || echo '$(COMPILE)' >$(FLAGS))

$(PROGRAMS:%=$(SET)/%): $(SET)/%: %.c $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $< $(LDFLAGS)

build/tests/rude: tests/rude.c $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $<

.PHONY: help
help: ## Say what each target does.
	@awk -F ':.*## ' '/^[a-z].*:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
