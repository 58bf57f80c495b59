# {n} shards, and what puts them together:
#   make -j4 -f SCRIPT                        four shards at a time, on this machine
#   make -j4 -f SCRIPT HOSTS="anna ben"       over ssh, on machines that see this folder under the same path
# Run again, it makes what is missing.
HOSTS =
SSH = ssh
SHARDS = $(shell seq -f shard-%g 0 {last})
host = $(word $(shell expr $* % $(words $(HOSTS)) + 1),$(HOSTS))
work = sgmn --threads {cpus} work {plan} --shard $*

gather: $(SHARDS)
	sgmn gather {plan}

$(SHARDS): shard-%:
	$(if $(HOSTS),echo "cd '$(CURDIR)' && $(work)" | $(SSH) $(host) sh,$(work))

.PHONY: gather $(SHARDS)
