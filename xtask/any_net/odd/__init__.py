"""Small nets of many kinds: a function for each name, which builds the net and its inputs."""
from odd import images, language_like, mixing, sequences, simple

# In the order of files, then of each file.
NETS = {}
for part in (simple, images, sequences, language_like, mixing):
    NETS |= part.NETS
