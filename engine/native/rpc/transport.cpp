// Connections of ggml's RPC backend over Unix sockets, in place of llama.cpp's TCP (ggml/src/ggml-rpc/transport.cpp): the
// protocol has no authentication, and any user of the machine can connect to a port. An endpoint is "PATH:0".
#include "transport.h"
#include "ggml-impl.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

struct socket_t::impl {
    const int fd;
    bool served = false;
    // Programs that this one starts must not keep the connection open.
    explicit impl(int fd)
        : fd(fd) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    ~impl() { close(fd); }
};

socket_t::socket_t(std::unique_ptr<impl> p)
    : pimpl(std::move(p)) {}
socket_t::~socket_t() = default;

bool socket_t::send_data(const void * data, size_t size) {
    for (const char * next = (const char *) data; size > 0;) {
        const ssize_t sent = send(pimpl->fd, next, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return false;
        next += sent;
        size -= (size_t) sent;
    }
    return true;
}

bool socket_t::recv_data(void * data, size_t size) {
    for (char * next = (char *) data; size > 0;) {
        const ssize_t received = recv(pimpl->fd, next, size, 0);
        if (received < 0 && errno == EINTR) continue;
        if (received <= 0) return false;
        next += received;
        size -= (size_t) received;
    }
    return true;
}

bool socket_t::flush() {
    return true;
}

// A server has one connection and ends with it, also if the program that started it is gone.
socket_ptr socket_t::accept() {
    if (std::exchange(pimpl->served, true)) return nullptr;
    const int fd = ::accept(pimpl->fd, nullptr, nullptr);
    return fd < 0 ? nullptr : socket_ptr(new socket_t(std::make_unique<impl>(fd)));
}

// Faster transports, which llama.cpp negotiates by these bytes, would bypass the tunnel.
void socket_t::get_caps(uint8_t * caps) {
    memset(caps, 0, RPC_CONN_CAPS_SIZE);
}
void socket_t::update_caps(const uint8_t *) {}

namespace {

// Fills in the address of a socket; returns false if its path is too long.
bool addressOf(const char * path, sockaddr_un & address) {
    address = {};
    address.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address.sun_path) {
        GGML_LOG_ERROR("The path of a socket is too long: %s\n", path);
        return false;
    }
    strcpy(address.sun_path, path);
    return true;
}

} // namespace

socket_ptr socket_t::create_server(const char * path, int) {
    sockaddr_un address;
    if (!addressOf(path, address)) return nullptr;
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) return nullptr;
    auto server = std::make_unique<impl>(fd);
    if (bind(fd, (const sockaddr *) &address, sizeof address) < 0 || listen(fd, 1) < 0)
        return nullptr;
    return socket_ptr(new socket_t(std::move(server)));
}

socket_ptr socket_t::connect(const char * path, int) {
    sockaddr_un address;
    if (!addressOf(path, address)) return nullptr;
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) return nullptr;
    auto client = std::make_unique<impl>(fd);
    if (::connect(fd, (const sockaddr *) &address, sizeof address) < 0) return nullptr;
    return socket_ptr(new socket_t(std::move(client)));
}

bool rpc_transport_init() {
    return true;
}
void rpc_transport_shutdown() {}
