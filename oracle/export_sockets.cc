// Of exported programs: addresses, options, descriptors in messages.

#include "oracle/export_fragments.h"

namespace pollux {
namespace {

constexpr Fragment kFragments[] = {
    {"settle", R"(
/* What was sent over loopback has arrived, and the last delayed acknowledgement (200 ms at most), too. */
static void settle(void) { usleep(250000); }
)",
     ""},
    {"sock_name", "\nstatic struct sockaddr_storage sock_name;\nstatic socklen_t sock_name_size;\n", ""},
    {"nl_request", R"(
/* A message to rtnetlink: a no-op, one to acknowledge, an unknown type, a dump of all links. */
static const void *nl_request(int what) {
  static struct {
    struct nlmsghdr header;
    struct ifinfomsg interface;
  } request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = what < 2 ? 16 : 32;
  request.header.nlmsg_type = what < 2 ? NLMSG_NOOP : what == 2 ? 0xff0 : RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | (what == 1 ? NLM_F_ACK : what == 3 ? NLM_F_DUMP : 0);
  return &request;
}
)",
     ""},
    {"anywhere", R"(
/* An address at which the kernel chooses the rest. */
static void anywhere(int fd) {
  int family = AF_UNIX;
  socklen_t size = sizeof family;
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  memset(&sock_name, 0, sizeof sock_name);
  sock_name.ss_family = (sa_family_t)family;
  sock_name_size = sizeof sock_name.ss_family;
  if (family == AF_NETLINK) sock_name_size = sizeof(struct sockaddr_nl);
  if (family == AF_INET) {
    struct sockaddr_in loopback;
    memset(&loopback, 0, sizeof loopback);
    loopback.sin_family = AF_INET;
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(&sock_name, &loopback, sizeof loopback);
    sock_name_size = sizeof loopback;
  }
}
)",
     ""},
    {"name_of_socket", R"(
/* The address of a socket; AF_UNSPEC of -1. */
static void name_of_socket(int fd) {
  memset(&sock_name, 0, sizeof sock_name);
  sock_name_size = sizeof sock_name;
  if (fd == -1) {
    sock_name_size = sizeof sock_name.ss_family;
  } else if (getsockname(fd, (struct sockaddr *)&sock_name, &sock_name_size) != 0) {
    sock_name_size = 0;
  }
}
)",
     ""},
    {"sock_option", "\nstatic int sock_option[2];\nstatic socklen_t sock_option_size;\n", ""},
    {"is_option", R"(
static void is_option(int want) {
  if (sock_option[0] != want) differs("has the value", sock_option[0]);
}
)",
     R"(
static void is_option(int want) { EXPECT_EQ(sock_option[0], want); }
)"},
    {"is_linger", R"(
static void is_linger(int want) {
  if ((sock_option[0] ? sock_option[1] : -1) != want) differs("lingers for", sock_option[0] ? sock_option[1] : -1);
}
)",
     R"(
static void is_linger(int want) { EXPECT_EQ(sock_option[0] ? sock_option[1] : -1, want); }
)"},
    {"last_message", "\nstatic struct msghdr *last_message;\n", ""},
    {"rights", R"(
/* One byte, and a descriptor beside it. */
static struct msghdr *rights(int fd) {
  static struct msghdr m;
  static struct iovec bytes;
  static char byte;
  static long long control[(CMSG_SPACE(sizeof(int)) + 7) / 8];
  struct cmsghdr *c;
  bytes.iov_base = &byte;
  bytes.iov_len = 1;
  memset(&m, 0, sizeof m);
  memset(control, 0, sizeof control);
  m.msg_iov = &bytes;
  m.msg_iovlen = 1;
  m.msg_control = control;
  m.msg_controllen = CMSG_SPACE(sizeof(int));
  c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  return last_message = &m;
}
)",
     ""},
    {"is_passed", R"(
static void is_passed(int want) {
  int fd = -1;
  const struct cmsghdr *c = CMSG_FIRSTHDR(last_message);
  if (c != NULL && c->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(c), sizeof fd);
  if (fd != want) differs("gave number", fd);
}
)",
     R"(
static void is_passed(int want) {
  int fd = -1;
  const struct cmsghdr *c = CMSG_FIRSTHDR(last_message);
  if (c != NULL && c->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(c), sizeof fd);
  EXPECT_EQ(fd, want);
}
)"},
    {"is_offset", R"(
static void is_offset(int i, long long want) {
  if (offsets[i] != want) differs("moved to", offsets[i]);
}
)",
     R"(
static void is_offset(int i, long long want) { EXPECT_EQ(offsets[i], want); }
)"},
    {"is_integer", R"(
static void is_integer(int want) {
  if (an_integer != want) differs("stored", an_integer);
}
)",
     R"(
static void is_integer(int want) { EXPECT_EQ(an_integer, want); }
)"},
};

}  // namespace

std::span<const Fragment> SocketFragments() { return kFragments; }

}  // namespace pollux
