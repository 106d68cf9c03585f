// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/key_report.hpp"

#include "tools/holdfast/key_uri.hpp"

#include <algorithm>
#include <array>

namespace holdfast::tool {
namespace {

using hal::KeyAttribute;

struct Wording {
  KeyAttribute attribute;
  bool is_wanted;  // by the strict profile
  std::string_view when_yes;
  std::string_view when_no;
};

// In the order a person asks: can it leave, could it ever, what does it do, can that be changed.
constexpr std::array kWordings{
    Wording{KeyAttribute::token, true, "is stored on the token", "vanishes with the session"},
    Wording{KeyAttribute::private_object, true, "can only be used after a login", "can be used without a login"},
    Wording{KeyAttribute::sensitive, true, "its value is not shown", "its value can be read in clear"},
    Wording{KeyAttribute::extractable, false, "can be wrapped out of the token",
            "cannot be wrapped out of the token"},
    Wording{KeyAttribute::always_sensitive, true, "its value never could be read", "its value could be read once"},
    Wording{KeyAttribute::never_extractable, true, "never could be wrapped out", "could be wrapped out once"},
    Wording{KeyAttribute::local, true, "was made inside the token", "was brought in from outside"},
    Wording{KeyAttribute::sign, true, "signs", "does not sign"},
    Wording{KeyAttribute::sign_recover, false, "signs with recovery", "does not sign with recovery"},
    Wording{KeyAttribute::decrypt, false, "decrypts", "does not decrypt"},
    Wording{KeyAttribute::derive, false, "derives other keys", "does not derive other keys"},
    Wording{KeyAttribute::unwrap, false, "unwraps other keys", "does not unwrap other keys"},
    Wording{KeyAttribute::modifiable, false, "its attributes can be changed", "its attributes cannot be changed"},
    Wording{KeyAttribute::copyable, false, "can be copied", "cannot be copied"},
    Wording{KeyAttribute::mechanisms_pinned, true, "signs in its own scheme only", "its mechanisms are not pinned"},
    Wording{KeyAttribute::fixed_tpm, true, "cannot move to another TPM", "can move to another TPM"},
    Wording{KeyAttribute::fixed_parent, true, "cannot move to another parent", "can move to another parent"},
    Wording{KeyAttribute::sensitive_data_origin, true, "was made inside the TPM", "was brought in from outside"},
    Wording{KeyAttribute::tpm_sign, true, "signs", "does not sign"},
    Wording{KeyAttribute::tpm_decrypt, false, "decrypts", "does not decrypt"},
    Wording{KeyAttribute::scheme_pinned, true, "signs in one scheme only", "signs in any scheme of its kind"},
    Wording{KeyAttribute::pcr_bound, false, "signs only while PCRs are as they were when it was made",
            "is bound to no PCRs"},
    Wording{KeyAttribute::user_with_auth, true, "its auth value, if it has one, lets it sign",
            "its auth value alone does not let it sign: its policy must be satisfied"},
    Wording{KeyAttribute::policy_known, true, "it has no policy, or one that is known here",
            "it has a policy that is not known here"},
    Wording{KeyAttribute::name_matches, true, "its name fits its public area",
            "its name does not fit its public area"},
};

// These a token may leave unpinned or unstated under `strict` (design: "where the token knows them").
// Whether a TPM key is bound to PCRs is its owner's choice, and says how it must be used.
bool is_only_a_wish(KeyAttribute attribute) {
  return attribute == KeyAttribute::mechanisms_pinned || attribute == KeyAttribute::pcr_bound ||
         attribute == KeyAttribute::user_with_auth;
}

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  out.append(width > out.size() ? width - out.size() : 1, ' ');
  return out;
}

std::string attribute_line(const Wording& wording, bool value) {
  std::string line = "  " + padded(hal::attribute_name(wording.attribute), 24) + padded(value ? "yes" : "no", 5);
  line += value ? wording.when_yes : wording.when_no;
  if (value != wording.is_wanted && !is_only_a_wish(wording.attribute)) {
    line += wording.is_wanted ? "  (strict wants: yes)" : "  (strict wants: no)";
  }
  return line + "\n";
}

// "sha256:0=1f2e3d4c,7=99aabbcc" without what the registers held.
std::string pcrs_in_words(std::string_view uri) {
  const auto attribute = path_attribute(uri, "pcr");
  const std::string spelt = attribute && *attribute ? **attribute : "";
  const std::size_t colon = spelt.find(':');
  std::string words = "PCRs " + spelt.substr(0, colon == std::string::npos ? 0 : colon + 1);
  bool is_mark = false;
  for (const char c : std::string_view(spelt).substr(std::min(spelt.size(), colon + 1))) {
    is_mark = c == '=' || (is_mark && c != ',');
    if (!is_mark) words += c;
  }
  return words;
}

}  // namespace

std::string schemes_in_words(const hal::TokenDescription& token) {
  if (token.can_ed25519 && token.can_es256) return "ed25519, es256";
  if (token.can_ed25519) return "ed25519";
  return token.can_es256 ? "es256" : "none of ours";
}

std::string flags_in_words(const hal::TokenDescription& token) {
  std::string words = token.is_initialised ? "initialised" : "not initialised";
  if (token.is_initialised) words += token.needs_login ? ", login needed" : ", no login needed";
  if (token.has_protected_authentication_path) words += ", PIN is entered at the reader";
  if (token.pin_count_low) words += ", a PIN was refused since the last login";
  if (token.pin_final_try) words += ", one PIN try is left";
  if (token.pin_locked) words += ", PIN is locked";
  return words;
}

Report token_report(const hal::TokenDescription& token) {
  Json schemes = Json::array();
  if (token.can_ed25519) schemes.append(Json::string(scheme_name(Scheme::ed25519)));
  if (token.can_es256) schemes.append(Json::string(scheme_name(Scheme::es256)));
  Report report;
  report
      .row("label", "token", token.label.empty() ? "(no label yet)" : token.label.view(),
           Json::string(token.label.view()))
      .text("manufacturer", "manufacturer", token.manufacturer.view())
      .text("model", "model", token.model.view())
      .row("serial", token.serial.empty() ? "" : "serial", token.serial.view(), Json::string(token.serial.view()))
      .text("library", "library", token.library.view())
      .row("is_initialised", "state", flags_in_words(token), Json::boolean(token.is_initialised))
      .for_programs("needs_login", Json::boolean(token.needs_login))
      .for_programs("has_protected_authentication_path", Json::boolean(token.has_protected_authentication_path))
      .for_programs("pin_count_low", Json::boolean(token.pin_count_low))
      .for_programs("pin_final_try", Json::boolean(token.pin_final_try))
      .for_programs("pin_locked", Json::boolean(token.pin_locked))
      .row("schemes", "schemes", schemes_in_words(token), std::move(schemes))
      .row("is_software", "kind", token.is_software ? "software: for CI only" : "hardware, by its own word",
           Json::boolean(token.is_software))
      .text("uri", "uri", token.uri.view());
  return report;
}

namespace {

// By what it may do: the twin of a key, which opens sealed task ids.
std::string_view words_for_other_kind(const hal::KeyAttributes& attributes) {
  const bool is_for_derivation = attributes.get(KeyAttribute::derive) == hal::Tristate::yes &&
                                 attributes.get(KeyAttribute::sign) == hal::Tristate::no;
  return is_for_derivation ? "none: it derives, as the twin of a signing key" : "of a kind that is not used here";
}

}  // namespace

Report key_report(const hal::KeyDescription& key) {
  Report report;
  report.text("label", "key", key.label.view()).text("id", "id", key.id_hex.view());
  report.row("scheme", "scheme", key.scheme ? scheme_name(*key.scheme) : words_for_other_kind(key.attributes),
             key.scheme ? Json::string(scheme_name(*key.scheme)) : Json());
  if (key.public_key) {
    report.text("public_key", "public key", to_ssh_public_key(*key.public_key).view());
  } else {
    report.row("public_key", "public key", "not shown by the token", Json());
  }
  if (key.attributes.get(KeyAttribute::pcr_bound) == hal::Tristate::yes) {
    report.text("pcrs", "bound to", pcrs_in_words(key.uri.view()));
  }
  report.text("uri", "uri", key.uri.view());
  report.for_programs("attributes", attributes_json(attribute_snapshot(key.attributes)));
  return report;
}

std::string attributes_in_words(const hal::KeyAttributes& attributes) {
  return attributes_in_words(attribute_snapshot(attributes));
}

std::string attributes_in_words(const std::map<std::string, bool>& attributes) {
  std::string text;
  for (const Wording& wording : kWordings) {
    const auto found = attributes.find(std::string(hal::attribute_name(wording.attribute)));
    if (found != attributes.end()) text += attribute_line(wording, found->second);
  }
  return text;
}

std::string attribute_names(const hal::KeyAttributeSet& attributes) {
  std::string names;
  for (std::size_t i = 0; i < hal::kKeyAttributeCount; ++i) {
    const auto attribute = static_cast<KeyAttribute>(i);
    if (attributes.contains(attribute)) {
      names += (names.empty() ? "" : ", ") + std::string(hal::attribute_name(attribute));
    }
  }
  return names;
}

Json attribute_names_json(const hal::KeyAttributeSet& attributes) {
  Json names = Json::array();
  for (std::size_t i = 0; i < hal::kKeyAttributeCount; ++i) {
    const auto attribute = static_cast<KeyAttribute>(i);
    if (attributes.contains(attribute)) names.append(Json::string(hal::attribute_name(attribute)));
  }
  return names;
}

std::map<std::string, bool> attribute_snapshot(const hal::KeyAttributes& attributes) {
  std::map<std::string, bool> snapshot;
  for (std::size_t i = 0; i < hal::kKeyAttributeCount; ++i) {
    const auto attribute = static_cast<KeyAttribute>(i);
    const hal::Tristate state = attributes.get(attribute);
    if (state != hal::Tristate::unknown) {
      snapshot.emplace(hal::attribute_name(attribute), state == hal::Tristate::yes);
    }
  }
  return snapshot;
}

Json attributes_json(const std::map<std::string, bool>& attributes) {
  Json object = Json::object();
  for (const auto& [name, value] : attributes) object.set(name, Json::boolean(value));
  return object;
}

std::string_view outcome_words(hal::ExportAttempt::Outcome outcome) {
  switch (outcome) {
    case hal::ExportAttempt::Outcome::refused:
      return "refused";
    case hal::ExportAttempt::Outcome::gave_way:
      return "gave way";
    case hal::ExportAttempt::Outcome::not_offered:
      return "not offered";
  }
  return "unknown";
}

std::string attempts_in_words(const hal::ExportReport& report) {
  std::size_t column = 0;
  for (std::size_t i = 0; i < report.count; ++i) column = std::max(column, report.attempts[i].name.size());
  std::string text;
  for (std::size_t i = 0; i < report.count; ++i) {
    const hal::ExportAttempt& attempt = report.attempts[i];
    text += "  " + padded(attempt.name, column + 2) + std::string(outcome_words(attempt.outcome));
    if (attempt.native_name != nullptr) text += " (" + std::string(attempt.native_name) + ")";
    text += "\n";
  }
  return text;
}

Json attempts_json(const hal::ExportReport& report) {
  Json array = Json::array();
  for (std::size_t i = 0; i < report.count; ++i) {
    const hal::ExportAttempt& attempt = report.attempts[i];
    Json entry = Json::object();
    entry.set("attempt", attempt.name).set("outcome", outcome_words(attempt.outcome));
    entry.set("native", Json::integer(static_cast<std::int64_t>(attempt.native)));
    entry.set("native_name", attempt.native_name == nullptr ? Json() : Json::string(attempt.native_name));
    array.append(std::move(entry));
  }
  return array;
}

Result<void> check_attempts(const hal::ExportReport& report) {
  for (std::size_t i = 0; i < report.count; ++i) {
    if (report.attempts[i].outcome != hal::ExportAttempt::Outcome::gave_way) continue;
    FixedText<190> detail{"the token gave a disposable key away: "};
    detail.append(report.attempts[i].name);
    return failure(Status::key_refused, Layer::core, "trying to export a disposable key")
        .about(detail.view())
        .with_hint("do not use this token for keys that must stay inside it; no key was left on it");
  }
  return {};
}

}  // namespace holdfast::tool
