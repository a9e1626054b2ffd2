# The demo in a container; the simulated readers need namespaces of their own (docs/install.md, In a container):
#   docker build -t onecard .
#   docker run --rm -it --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt apparmor=unconfined onecard
FROM debian:12
COPY . /srv/onecard
WORKDIR /srv/onecard
RUN ./run demo --help
CMD ["./run", "demo"]
