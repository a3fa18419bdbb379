// The shortcodes that an operations workspace uses, as Unicode; others stay as they are written.

import { drawn, DRAWN } from "./emoji-art.js";
import { h } from "./dom.js";

const TABLE = `
+1 👍 thumbsup 👍 -1 👎 thumbsdown 👎 ok_hand 👌 clap 👏 wave 👋 raised_hands 🙌 pray 🙏 muscle 💪 point_right 👉 point_left 👈
point_up ☝️ point_down 👇 raised_hand ✋ hand ✋ handshake 🤝 writing_hand ✍️ eyes 👀 smile 😄 grinning 😀 grin 😁 joy 😂 slightly_smiling_face 🙂
wink 😉 blush 😊 sunglasses 😎 thinking_face 🤔 neutral_face 😐 sweat_smile 😅 cry 😢 sob 😭 scream 😱 tired_face 😫 sleeping 😴
zzz 💤 robot_face 🤖 ghost 👻 skull 💀 facepalm 🤦 shrug 🤷 heart ❤️ green_heart 💚 yellow_heart 💛 blue_heart 💙 broken_heart 💔
fire 🔥 boom 💥 sparkles ✨ star ⭐ zap ⚡ sunny ☀️ cloud ☁️ umbrella ☔ rainbow 🌈 snowflake ❄️ ocean 🌊 tada 🎉 confetti_ball 🎊 balloon 🎈
trophy 🏆 medal 🏅 dart 🎯 rocket 🚀 airplane ✈️ car 🚗 ambulance 🚑 fire_engine 🚒 police_car 🚓 rotating_light 🚨 construction 🚧
vertical_traffic_light 🚦 traffic_light 🚥 octagonal_sign 🛑 stop_sign 🛑 no_entry ⛔ no_entry_sign 🚫 x ❌ heavy_check_mark ✔️
white_check_mark ✅ ballot_box_with_check ☑️ warning ⚠️ question ❓ grey_question ❔ exclamation ❗ heavy_exclamation_mark ❗ bangbang ‼️
red_circle 🔴 large_red_circle 🔴 large_orange_circle 🟠 large_yellow_circle 🟡 large_green_circle 🟢 large_blue_circle 🔵 large_purple_circle 🟣
large_brown_circle 🟤 white_circle ⚪ black_circle ⚫ red_square 🟥 large_red_square 🟥 large_orange_square 🟧 large_yellow_square 🟨
large_green_square 🟩 large_blue_square 🟦 white_large_square ⬜ black_large_square ⬛ white_medium_square ◻️ small_blue_diamond 🔹 small_orange_diamond 🔸
small_red_triangle 🔺 small_red_triangle_down 🔻 arrow_up ⬆️ arrow_down ⬇️ arrow_right ➡️ arrow_left ⬅️ arrow_upper_right ↗️ arrow_lower_right ↘️
arrows_counterclockwise 🔄 arrows_clockwise 🔃 repeat 🔁 rewind ⏪ fast_forward ⏩ leftwards_arrow_with_hook ↩️ arrow_right_hook ↪️ back 🔙
black_square_for_stop ⏹️ double_vertical_bar ⏸️ arrow_forward ▶️ black_right_pointing_double_triangle_with_vertical_bar ⏭️ hourglass ⌛
hourglass_flowing_sand ⏳ stopwatch ⏱️ timer_clock ⏲️ alarm_clock ⏰ watch ⌚ clock1 🕐 clock3 🕒 clock12 🕛 mantelpiece_clock 🕰️ calendar 📅 date 📅
spiral_calendar_pad 🗓️ pushpin 📌 round_pushpin 📍 paperclip 📎 link 🔗 scissors ✂️ memo 📝 pencil 📝 pencil2 ✏️ clipboard 📋 page_facing_up 📄
bookmark_tabs 📑 bookmark 🔖 books 📚 book 📖 notebook 📓 ledger 📒 scroll 📜 newspaper 📰 file_folder 📁 open_file_folder 📂 card_index 📇
card_index_dividers 🗂️ card_file_box 🗃️ file_cabinet 🗄️ wastebasket 🗑️ lock 🔒 unlock 🔓 closed_lock_with_key 🔐 key 🔑 old_key 🗝️ mag 🔍 mag_right 🔎
bulb 💡 electric_plug 🔌 battery 🔋 wrench 🔧 hammer 🔨 hammer_and_wrench 🛠️ gear ⚙️ nut_and_bolt 🔩 toolbox 🧰 test_tube 🧪 microscope 🔬 satellite 📡
satellite_antenna 📡 computer 💻 desktop_computer 🖥️ keyboard ⌨️ iphone 📱 phone ☎️ telephone ☎️ telephone_receiver 📞 pager 📟 fax 📠 bell 🔔 no_bell 🔕
loudspeaker 📢 mega 📣 speech_balloon 💬 left_speech_bubble 🗨️ thought_balloon 💭 email 📧 envelope ✉️ e-mail 📧 incoming_envelope 📨 inbox_tray 📥 outbox_tray 📤
package 📦 mailbox 📫 chart_with_upwards_trend 📈 chart_with_downwards_trend 📉 bar_chart 📊 moneybag 💰 dollar 💵 credit_card 💳 receipt 🧾 money_with_wings 💸
bust_in_silhouette 👤 busts_in_silhouette 👥 adult 🧑 technologist 🧑‍💻 firefighter 🧑‍🚒 detective 🕵️ globe_with_meridians 🌐 earth_africa 🌍 house 🏠 office 🏢 hospital 🏥
bank 🏦 checkered_flag 🏁 triangular_flag_on_post 🚩 waving_black_flag 🏴 shield 🛡️ ring_buoy 🛟 fire_extinguisher 🧯 ladder 🪜 adhesive_bandage 🩹 coffee ☕ pizza 🍕
bug 🐛 beetle 🐞 snail 🐌 turtle 🐢 owl 🦉 one 1️⃣ two 2️⃣ three 3️⃣ four 4️⃣ five 5️⃣ six 6️⃣ seven 7️⃣ eight 8️⃣ nine 9️⃣ keycap_ten 🔟 zero 0️⃣ 100 💯
sos 🆘 new 🆕 ok 🆗 up 🆙 cool 🆒 free 🆓 information_source ℹ️ recycle ♻️ infinity ♾️ copyright ©️ tm ™️ heavy_plus_sign ➕ heavy_minus_sign ➖
heavy_multiplication_x ✖️ heavy_division_sign ➗ black_small_square ▪️ white_small_square ▫️ radio_button 🔘 beginner 🔰 crossed_swords ⚔️ game_die 🎲 crystal_ball 🔮
night_with_stars 🌃 crescent_moon 🌙 new_moon 🌑 sunrise 🌅 seedling 🌱 evergreen_tree 🌲 cyclone 🌀 droplet 💧 dash 💨 dizzy 💫 anger 💢
`;

const words = TABLE.trim().split(/\s+/u);
const GLYPHS = new Map();
for (let index = 0; index + 1 < words.length; index += 2) GLYPHS.set(words[index], words[index + 1]);

/** The glyph of a shortcode without its colons; undefined where we know none. Skin tones are dropped. */
export const glyph = (name) => GLYPHS.get(String(name).split("::")[0]);

/** All shortcodes that begin with `start`. */
export const namesLike = (start) => [...GLYPHS.keys()].filter((name) => name.startsWith(start));

/** Text with its shortcodes replaced. */
export const withEmoji = (text) => String(text).replace(/:([a-z0-9_+'-]+)(?:::skin-tone-\d)?:/gu, (whole, name) => glyph(name) ?? whole);

/** A glyph as a node: drawn where we have a drawing, else as its letter. `words` is what it is called. */
export function symbol(sign, words) {
  const art = drawn(sign);
  return h("span", { class: "emoji", role: words ? "img" : undefined, "aria-label": words, title: words && `:${words.replaceAll(" ", "_")}:`, "aria-hidden": words ? undefined : "true" }, art ?? sign);
}

/** Text as nodes, with the glyphs in it that are drawn here. What is copied is still text. */
export function drawnIn(text) {
  const found = [];
  let from = 0;
  for (const match of text.matchAll(DRAWN)) {
    if (match.index > from) found.push(text.slice(from, match.index));
    found.push(h("span", { class: "emoji", role: "img", "aria-label": match[0] }, drawn(match[0])));
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push(text.slice(from));
  return found;
}

/** Text as nodes, its shortcodes and glyphs drawn. */
export const withSymbols = (text) => drawnIn(withEmoji(text));

/** What the reaction picker offers. */
export const PICKS = [
  "pushpin", "white_check_mark", "eyes", "+1", "-1", "raised_hands", "tada", "rocket", "fire", "rotating_light", "warning", "x",
  "question", "bulb", "memo", "hourglass_flowing_sand", "thinking_face", "heart", "pray", "wave", "joy", "bug", "coffee", "100",
];
