// Random and damaged DNS messages through everything that reads them, under sanitizers. Built and
// run by dns-fuzz.test.ts: SEED COUNT.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

#include "kernel/dns_message.h"
#include "kernel/dns_names.h"

namespace {

std::mt19937 chance;

size_t Below(size_t limit) { return chance() % limit; }

std::string Question() {
  static const char* names[] = {"web", "WEB.front", "1.0.0.10.in-addr.arpa", "a.b.c", "all"};
  static const uint16_t types[] = {1, 6, 12, 15, 16, 28, 33, 41, 255};
  std::string message("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  message += dns::WireName(names[Below(5)]);
  const uint16_t type = types[Below(9)];
  const char tail[] = {static_cast<char>(type >> 8), static_cast<char>(type), 0, 1};
  return message.append(tail, 4);
}

std::string Reply(const std::string& question) {
  std::string message = question;
  message[2] = static_cast<char>(0x81);
  const int count = static_cast<int>(Below(4));
  message[7] = static_cast<char>(count);
  for (int i = 0; i < count; i++)
    message.append("\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01", 16);
  message[9] = 1;
  return message.append("\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x3c\x00\x16", 12) +
         std::string(22, '\1');
}

void Damage(std::string* message) {
  for (size_t i = Below(6); i > 0; i--) {
    if (message->empty()) return;
    const size_t at = Below(message->size());
    switch (Below(4)) {
      case 0:
        (*message)[at] = static_cast<char>(chance());
        break;
      case 1:
        (*message)[at] = static_cast<char>(0xc0);
        break;
      case 2:
        message->resize(at);
        break;
      default:
        message->insert(at, 1 + Below(70), static_cast<char>(chance()));
    }
  }
}

// Exactly as long as the message: one byte too far is seen.
struct Exact {
  explicit Exact(const std::string& from) : size(from.size()), data(new uint8_t[size]) {
    memcpy(data.get(), from.data(), size);
  }
  size_t size;
  std::unique_ptr<uint8_t[]> data;
};

dns::View MakeView(dns::Names* names) {
  names->Ensure("net", "front").Set("1", {{"web", "all"}, {std::string("\x0a\0\0\1", 4)}});
  names->Ensure("net", "front").Set("2", {{"db", "all"}, {std::string("\x0a\0\0\2", 4)}});
  dns::View view;
  view.memberships.push_back({"net", {{"a", "web"}}});
  view.fixed["a.b.c"] = {std::string(16, '\1')};
  return view;
}

bool Try(dns::Names* names, const dns::View& view) {
  const std::string question = Question();
  std::string damaged = question;
  Damage(&damaged);
  const Exact query(damaged);
  dns::Query parsed;
  if (dns::ParseQuery(query.data.get(), query.size, &parsed)) {
    dns::CacheKey(query.data.get(), query.size, parsed);
    const std::string reply = names->Answer(view, query.data.get(), parsed, parsed.udp_size);
    if (!reply.empty() && reply.size() > parsed.udp_size) return false;
  }
  dns::Query whole;
  if (!dns::ParseQuery(reinterpret_cast<const uint8_t*>(question.data()), question.size(), &whole))
    return false;
  std::string text = Reply(question);
  Damage(&text);
  const Exact reply(text);
  if (!dns::IsReplyTo(reply.data.get(), reply.size, 0x1234, question, whole.question_end))
    return true;
  text.shrink_to_fit();
  if (dns::KeepSeconds(text) > 0) dns::AgeTtls(&text, 7);
  return true;
}

}  // namespace

int main(int, char** arguments) {
  chance.seed(static_cast<unsigned>(atoi(arguments[1])));
  dns::Names names;
  const dns::View view = MakeView(&names);
  for (int i = atoi(arguments[2]); i > 0; i--)
    if (!Try(&names, view)) return 1;
  puts("done");
  return 0;
}
