-- SPDX-License-Identifier: Apache-2.0
--
-- Wireshark dissector for traces of plugin-ipc (format pcapng of the wrapper "trace").
--
--   tshark -X lua_script:pipc.lua -r demo.pcapng -V
--
-- Frames have the link type USER0 and begin with a header of the trace's own (pipc/transports/trace.h). Numbers of the packets
-- themselves are in the byte order of the machine that wrote them, which the magic number tells.

local pipc = Proto("pipc", "plugin-ipc")

local events = {[1] = "sent", [2] = "received", [3] = "opened", [4] = "ended", [5] = "closed"}
local kinds = {[1] = "request", [2] = "response", [3] = "control"}
local statuses = {[0] = "ok", [1] = "bad envelope", [2] = "authentication failed", [3] = "incompatible", [4] = "unsupported",
                  [5] = "limit exceeded", [6] = "internal error"}
local methods = {[1] = "increment", [2] = "cgroups-snapshot", [3] = "string-reverse", [4] = "cgroups-lookup", [5] = "apps-lookup"}

local HEAD = 32
local MAGIC, CHUNK_MAGIC = 0x4e495043, 0x4e43484b

-- ---- fields ----

local fields = {}

local function field(name, make, label, ...)
    fields[name] = make("pipc." .. name, label, ...)
    return fields[name]
end

field("event", ProtoField.uint8, "Event", base.DEC, events)
field("server", ProtoField.bool, "Server side")
field("cut", ProtoField.bool, "Cut off by its receiver")
field("channel", ProtoField.uint32, "Channel")
field("pid", ProtoField.uint32, "Process")
field("service", ProtoField.string, "Service")

-- A structure on the wire: name, width, label, display and values of each field in order.
local function structure(prefix, list)
    local made = {}
    for _, f in ipairs(list) do
        local name, width, label, display, values = f[1], f[2], f[3], f[4] or base.DEC, f[5]
        local maker = ({[2] = ProtoField.uint16, [4] = ProtoField.uint32, [8] = ProtoField.uint64})[width]
        made[#made + 1] = {field = field(prefix .. name, maker, label, display, values), width = width, name = name}
    end
    return made
end

local header = structure("", {
    {"magic", 4, "Magic", base.HEX}, {"version", 2, "Version"}, {"header_len", 2, "Header length"},
    {"kind", 2, "Kind", base.DEC, kinds}, {"flags", 2, "Flags", base.HEX}, {"code", 2, "Code"},
    {"transport_status", 2, "Status", base.DEC, statuses}, {"payload_len", 4, "Payload length"}, {"item_count", 4, "Items"},
    {"message_id", 8, "Message id"}})
local chunk = structure("chunk.", {
    {"magic", 4, "Magic", base.HEX}, {"version", 2, "Version"}, {"flags", 2, "Flags", base.HEX},
    {"message_id", 8, "Message id"}, {"total_message_len", 4, "Total length"}, {"index", 4, "Index"}, {"count", 4, "Chunks"},
    {"payload_len", 4, "Payload length"}})
local hello = structure("hello.", {
    {"layout_version", 2, "Layout"}, {"flags", 2, "Flags", base.HEX}, {"supported_profiles", 4, "Supported profiles", base.HEX},
    {"preferred_profiles", 4, "Preferred profiles", base.HEX}, {"max_request_payload_bytes", 4, "Largest request payload"},
    {"max_request_batch_items", 4, "Most items of a request"}, {"max_response_payload_bytes", 4, "Largest response payload"},
    {"max_response_batch_items", 4, "Most items of a response"}, {"padding", 4, "Padding"},
    {"auth_token", 8, "Auth token", base.HEX}, {"packet_size", 4, "Packet size"}})
local hello_ack = structure("hello_ack.", {
    {"layout_version", 2, "Layout"}, {"flags", 2, "Flags", base.HEX},
    {"server_supported_profiles", 4, "Profiles of the server", base.HEX},
    {"intersection_profiles", 4, "Profiles in common", base.HEX}, {"selected_profile", 4, "Selected profile", base.HEX},
    {"agreed_max_request_payload_bytes", 4, "Largest request payload"},
    {"agreed_max_request_batch_items", 4, "Most items of a request"},
    {"agreed_max_response_payload_bytes", 4, "Largest response payload"},
    {"agreed_max_response_batch_items", 4, "Most items of a response"}, {"agreed_packet_size", 4, "Packet size"},
    {"padding", 4, "Padding"}, {"session_id", 8, "Session id"}})
field("batch.offset", ProtoField.uint32, "Offset")
field("batch.length", ProtoField.uint32, "Length")
field("payload", ProtoField.bytes, "Payload")

local list = {}
for _, f in pairs(fields) do
    list[#list + 1] = f
end
pipc.fields = list

local short = ProtoExpert.new("pipc.short", "Bytes are missing", expert.group.MALFORMED, expert.severity.ERROR)
pipc.experts = {short}

-- ---- parts ----

-- Adds the fields of a structure; gives the values by name. Stops where the bytes end.
local function add(tree, buffer, made, little)
    local at, values = 0, {}
    for _, f in ipairs(made) do
        if at + f.width > buffer:len() then
            tree:add_proto_expert_info(short)
            return values
        end
        local bytes = buffer(at, f.width)
        if little then
            tree:add_le(f.field, bytes)
        else
            tree:add(f.field, bytes)
        end
        if f.width < 8 then
            values[f.name] = little and bytes:le_uint() or bytes:uint()
        else
            values[f.name] = tostring(little and bytes:le_uint64() or bytes:uint64())
        end
        at = at + f.width
    end
    return values
end

local function add_batch(tree, payload, items, little)
    for i = 0, math.min(items, 1000) - 1 do
        if i * 8 + 8 > payload:len() then
            tree:add_proto_expert_info(short)
            return
        end
        local entry = tree:add(pipc, payload(i * 8, 8), "Item " .. i)
        if little then
            entry:add_le(fields["batch.offset"], payload(i * 8, 4))
            entry:add_le(fields["batch.length"], payload(i * 8 + 4, 4))
        else
            entry:add(fields["batch.offset"], payload(i * 8, 4))
            entry:add(fields["batch.length"], payload(i * 8 + 4, 4))
        end
    end
end

local function add_message(tree, packet, little)
    local h = add(tree:add(pipc, packet(0, HEAD), "Header"), packet(0, HEAD), header, little)
    local what = kinds[h.kind] or ("kind " .. h.kind)
    local payload = packet:len() > HEAD and packet(HEAD):tvb() or nil

    if h.kind == 3 then
        local made = h.code == 1 and hello or h.code == 2 and hello_ack or nil
        what = h.code == 1 and "HELLO" or h.code == 2 and "HELLO_ACK" or what
        if payload and made then
            add(tree:add(pipc, payload(), what), payload, made, little)
        end
    else
        what = string.format("%s %s %s", what, h.message_id, methods[h.code] or ("method " .. h.code))
        if payload then
            local part = tree:add(fields.payload, payload())
            if h.flags % 2 == 1 then
                what = what .. string.format(", batch of %d", h.item_count)
                add_batch(part, payload, h.item_count, little)
            end
        end
    end
    if h.transport_status ~= 0 then
        what = what .. ", " .. (statuses[h.transport_status] or h.transport_status)
    end
    return what
end

local function add_chunk(tree, packet, little)
    local c = add(tree:add(pipc, packet(0, HEAD), "Chunk"), packet(0, HEAD), chunk, little)

    if packet:len() > HEAD then
        tree:add(fields.payload, packet(HEAD))
    end
    return string.format("chunk %d of %d of message %s", c.index + 1, c.count, c.message_id)
end

local function add_packet(tree, packet)
    if packet:len() >= HEAD then
        for _, little in ipairs({true, false}) do
            local magic = little and packet(0, 4):le_uint() or packet(0, 4):uint()
            if magic == MAGIC then
                return add_message(tree, packet, little)
            elseif magic == CHUNK_MAGIC then
                return add_chunk(tree, packet, little)
            end
        end
    end
    tree:add(fields.payload, packet())
    return "unknown"
end

-- ---- the frame ----

function pipc.dissector(buffer, pinfo, root)
    if buffer:len() < 13 or buffer(0, 1):uint() ~= 1 then
        return 0
    end
    local name = buffer(12, 1):uint()
    local len = math.floor((13 + name + 3) / 4) * 4
    if buffer:len() < len then
        return 0
    end
    local tree = root:add(pipc, buffer())
    local event, flags = buffer(1, 1):uint(), buffer(2, 1):uint()
    local service, server = name > 0 and buffer(13, name):string() or "", flags % 2 == 1
    local side = (server and "server " or "client ") .. buffer(4, 4):le_uint()

    tree:add(fields.event, buffer(1, 1))
    tree:add(fields.server, buffer(2, 1), server)
    tree:add(fields.cut, buffer(2, 1), math.floor(flags / 2) % 2 == 1)
    tree:add_le(fields.channel, buffer(4, 4))
    tree:add_le(fields.pid, buffer(8, 4))
    if name > 0 then
        tree:add(fields.service, buffer(13, name), service)
    end
    pinfo.cols.protocol = "PIPC"
    pinfo.cols.src = event == 2 and "peer" or side
    pinfo.cols.dst = event == 2 and side or "peer"
    local info = events[event] or ("event " .. event)
    if buffer:len() > len then
        info = info .. " " .. add_packet(tree, buffer(len):tvb())
    end
    pinfo.cols.info = service .. ": " .. info
    tree:append_text(", " .. service .. ": " .. info)
    return buffer:len()
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, pipc)
