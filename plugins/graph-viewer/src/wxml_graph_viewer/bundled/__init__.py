"""What `nox -s globe` builds: the code of the globe, the outlines of the land, and the licences of both."""
