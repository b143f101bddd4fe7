/* SPDX-License-Identifier: Apache-2.0
 *
 * The status of a session: a copy of what it knows, for the thread that owns it.
 */
#include "session.h"

#include <stdio.h>
#include <string.h>

static void fill_limits(const struct pipc_session *s, struct pipc_session_status *st)
{
    const bool client = s->role == PIPC_ROLE_CLIENT;

    st->max_request_payload_bytes = client ? s->out_bytes : s->in_bytes;
    st->max_request_batch_items = client ? s->out_items : s->in_items;
    st->max_response_payload_bytes = client ? s->in_bytes : s->out_bytes;
    st->max_response_batch_items = client ? s->in_items : s->out_items;
}

static void fill_plane(const struct pipc_session *s, struct pipc_session_status *st)
{
    const struct pipc_waiter *const waiter = s->plane->ops.waiter(s->channel);

    if (waiter) {
        st->spins = waiter->spins;
        st->sleeps = waiter->sleeps;
        st->wakeups = waiter->wakeups;
    }
    st->region_bytes = s->plane->ops.memory(s->channel);
    st->transport = s->plane->name;
    st->transport_file = s->plane->file;
    st->peer.size = (uint32_t)sizeof(st->peer);
    if (s->carrier.ops->peer(s->carrier.channel, &st->peer) != PIPC_OK)
        st->peer.known = 0;
}

void pipc_session_status(const struct pipc_session *session, struct pipc_session_status *ret_status)
{
    struct pipc_session_status st;

    if (!session || !ret_status)
        return;
    memset(&st, 0, sizeof(st));
    st.size = (uint32_t)sizeof(st);
    st.role = session->role;
    st.state = session->state;
    st.broken_by = session->broken.result;
    st.session_id = session->session_id;
    st.selected_profile = session->selected;
    st.packet_size = session->packet_size;
    st.peer_profiles = session->peer_profiles;
    st.in_flight = (uint32_t)pipci_inflight_count(&session->ids);
    fill_limits(session, &st);
    fill_plane(session, &st);
    st.degraded = session->degraded;
    snprintf(st.passed_over, sizeof(st.passed_over), "%s", session->passed_over);
    snprintf(st.passed_over_why, sizeof(st.passed_over_why), "%s", session->passed_over_why);
    snprintf(st.broken_text, sizeof(st.broken_text), "%s", session->broken.text);
    pipci_out_copy(ret_status, &st, sizeof(st));
}
