/* Which errors of accept(2) pass: see remedy.h. */
#include "remedy.h"

#include <errno.h>

enum remedy remedy_for(int accept_errno) {
    switch (accept_errno) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return REMEDY_WAIT;
    case EINTR:
    case ECONNABORTED: /* that client has gone again */
    case EAGAIN:
    case EPERM: /* a firewall's word */
    case EPROTO:
    case ENETDOWN: /* these are errors of that connection: accept(2), "Error handling" */
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH: return REMEDY_AGAIN;
    default: return REMEDY_NONE;
    }
}
