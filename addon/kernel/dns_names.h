#pragma once
// Who is called what: what the embedded DNS server answers by itself. Used on its thread alone.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/dns_message.h"

namespace dns {

struct Endpoint {
  std::vector<std::string> names;      // lower case; the first answers reverse questions
  std::vector<std::string> addresses;  // 4 or 16 bytes each
};

// The names of one network.
class Network {
 public:
  std::string name;
  void Set(const std::string& id, Endpoint endpoint);
  void Drop(const std::string& id);
  bool empty() const { return endpoints_.empty(); }
  // Null when nobody is called so. In order of arrival.
  const std::vector<const Endpoint*>* Find(const std::string& wanted) const;
  // The first name of who has the address; null when nobody has.
  const std::string* Reverse(const std::string& address) const;

 private:
  void Unlist(const Endpoint* endpoint);

  std::unordered_map<std::string, std::unique_ptr<Endpoint>> endpoints_;
  std::unordered_map<std::string, std::vector<const Endpoint*>> by_name_;
  std::unordered_map<std::string, std::vector<const Endpoint*>> by_address_;
};

// What one container sees.
struct View {
  struct Membership {
    std::string network_id;
    std::unordered_map<std::string, std::string> aliases;  // its own words for others
  };
  std::vector<Membership> memberships;
  // Names that stand for addresses, whatever the networks say; asked last.
  std::unordered_map<std::string, std::vector<std::string>> fixed;
};

class Names {
 public:
  Network& Ensure(const std::string& id, const std::string& name);
  void Drop(const std::string& network_id, const std::string& endpoint_id);
  // False when the question is not ours to answer. Else `addresses` are those of the family (4 or
  // 16 bytes), which may be none.
  bool Resolve(const View& view, const std::string& name, size_t family,
               std::vector<std::string>* addresses) const;
  // `name.network`, empty when nobody has the address.
  std::string Reverse(const View& view, const std::string& address) const;
  // Answers by itself, or with an empty string.
  std::string Answer(const View& view, const uint8_t* query, const Query& parsed, size_t limit);

 private:
  bool ResolveIn(const View& view, const std::string& name, const std::string& network, bool alias,
                 size_t family, std::vector<std::string>* addresses) const;
  std::string AnswerAddresses(const View& view, const uint8_t* query, const Query& parsed,
                              size_t limit);

  std::unordered_map<std::string, Network> networks_;
  uint32_t turn_ = 0;
};

}  // namespace dns
