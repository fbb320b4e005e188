#include "kernel/dns_names.h"

#include <algorithm>

namespace dns {

namespace {

template <typename Map>
void Remove(Map* map, const std::string& key, const Endpoint* endpoint) {
  auto found = map->find(key);
  if (found == map->end()) return;
  auto& list = found->second;
  list.erase(std::remove(list.begin(), list.end(), endpoint), list.end());
  if (list.empty()) map->erase(found);
}

template <typename List>
void AddOnce(List* list, const Endpoint* endpoint) {
  if (std::find(list->begin(), list->end(), endpoint) == list->end()) list->push_back(endpoint);
}

void Collect(const std::vector<std::string>& from, size_t family, std::vector<std::string>* out) {
  for (const std::string& address : from)
    if (address.size() == family && std::find(out->begin(), out->end(), address) == out->end())
      out->push_back(address);
}

}  // namespace

void Network::Set(const std::string& id, Endpoint endpoint) {
  auto& slot = endpoints_[id];
  if (slot)
    Unlist(slot.get());
  else
    slot = std::make_unique<Endpoint>();
  *slot = std::move(endpoint);
  for (const std::string& each : slot->names) AddOnce(&by_name_[each], slot.get());
  for (const std::string& each : slot->addresses) AddOnce(&by_address_[each], slot.get());
}

void Network::Drop(const std::string& id) {
  auto found = endpoints_.find(id);
  if (found == endpoints_.end()) return;
  Unlist(found->second.get());
  endpoints_.erase(found);
}

void Network::Unlist(const Endpoint* endpoint) {
  for (const std::string& each : endpoint->names) Remove(&by_name_, each, endpoint);
  for (const std::string& each : endpoint->addresses) Remove(&by_address_, each, endpoint);
}

const std::vector<const Endpoint*>* Network::Find(const std::string& wanted) const {
  auto found = by_name_.find(wanted);
  return found == by_name_.end() ? nullptr : &found->second;
}

const std::string* Network::Reverse(const std::string& address) const {
  auto found = by_address_.find(address);
  if (found == by_address_.end() || found->second.front()->names.empty()) return nullptr;
  return &found->second.front()->names.front();
}

Network& Names::Ensure(const std::string& id, const std::string& name) {
  Network& network = networks_[id];
  network.name = name;
  return network;
}

void Names::Drop(const std::string& network_id, const std::string& endpoint_id) {
  auto found = networks_.find(network_id);
  if (found == networks_.end()) return;
  found->second.Drop(endpoint_id);
  if (found->second.empty()) networks_.erase(found);
}

bool Names::ResolveIn(const View& view, const std::string& name, const std::string& network,
                      bool alias, size_t family, std::vector<std::string>* addresses) const {
  for (const View::Membership& member : view.memberships) {
    auto found = networks_.find(member.network_id);
    if (found == networks_.end() || (!network.empty() && found->second.name != network)) continue;
    auto own = member.aliases.find(name);
    // A word of its own hides the same name on the network.
    if ((own != member.aliases.end()) != alias) continue;
    const auto* endpoints = found->second.Find(alias ? own->second : name);
    if (endpoints == nullptr) continue;
    for (const Endpoint* endpoint : *endpoints) Collect(endpoint->addresses, family, addresses);
    return true;
  }
  return false;
}

// Networks own no domain: `a.b.c` may be a container of that name, `a.b` on network `c`, or `a` on
// network `b.c` (libnetwork's order).
bool Names::Resolve(const View& view, const std::string& name, size_t family,
                    std::vector<std::string>* addresses) const {
  size_t dot = std::string::npos;
  do {
    const bool whole = dot == std::string::npos;
    const std::string wanted = whole ? name : name.substr(0, dot);
    const std::string network = whole ? std::string() : name.substr(dot + 1);
    for (const bool alias : {true, false})
      if (ResolveIn(view, wanted, network, alias, family, addresses)) return true;
    if (dot == 0) break;
    dot = name.rfind('.', whole ? std::string::npos : dot - 1);
  } while (dot != std::string::npos);
  auto fixed = view.fixed.find(name);
  if (fixed == view.fixed.end()) return false;
  Collect(fixed->second, family, addresses);
  return true;
}

std::string Names::Reverse(const View& view, const std::string& address) const {
  for (const View::Membership& member : view.memberships) {
    auto found = networks_.find(member.network_id);
    if (found == networks_.end()) continue;
    const std::string* name = found->second.Reverse(address);
    if (name != nullptr) return *name + "." + found->second.name;
  }
  return {};
}

std::string Names::AnswerAddresses(const View& view, const uint8_t* query, const Query& parsed,
                                   size_t limit) {
  std::vector<std::string> addresses;
  const size_t family = parsed.type == kTypeA ? 4 : 16;
  if (!Resolve(view, parsed.name, family, &addresses)) return {};
  Reply reply(query, parsed);
  // Each in turn is the first.
  const size_t first = addresses.empty() ? 0 : turn_++ % addresses.size();
  for (size_t i = 0; i < addresses.size(); i++) {
    const std::string& address = addresses[(first + i) % addresses.size()];
    if (!reply.Add(parsed.type, address.data(), address.size(), limit)) break;
  }
  return reply.bytes();
}

std::string Names::Answer(const View& view, const uint8_t* query, const Query& parsed,
                          size_t limit) {
  if (parsed.klass != kClassIn && parsed.klass != kClassAny) return {};
  if (parsed.type == kTypeA || parsed.type == kTypeAaaa)
    return AnswerAddresses(view, query, parsed, limit);
  if (parsed.type == kTypeMx) {
    // None means: ask for the name's address (RFC 5321, 5.1).
    std::vector<std::string> addresses;
    const bool known = Resolve(view, parsed.name, 4, &addresses);
    return known ? Reply(query, parsed).bytes() : std::string();
  }
  if (parsed.type != kTypePtr) return {};
  const std::string address = ReverseAddress(parsed.name);
  if (address.empty()) return {};
  const std::string target = WireName(Reverse(view, address));
  if (target.empty()) return {};
  Reply reply(query, parsed);
  reply.Add(kTypePtr, target.data(), target.size(), limit);
  return reply.bytes();
}

}  // namespace dns
