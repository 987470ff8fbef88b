-- Makes a page of the book of a README, or of a source file: a filter for pandoc, which tools/book/book
-- runs once for each page. README.md, beside this file, says what it changes.
--
-- Metadata: source, the file in the repository that the page is made of, or the name of a picture; kind,
-- "text", "listing" (it is shown as it is) or "picture". From the environment: BOOK_WORK, a folder with the
-- files pages (one a line: source, output, title), pictures (name, title), sources (those of the stages),
-- tests (file, title, result), and the differences (diff-3-4); to its file wanted each file is added that
-- needs a page because a link leads there.

local work = os.getenv("BOOK_WORK")
local source, output, root -- root: from this page up to the book's first folder
local pages, titles, order = {}, {}, {}
local pictures = {} -- their names in order, and their titles by name
local site -- the title of the book
local stage -- the folder of the stage that this page is about, or nil

-- Ends the build with one line.
local function fail(text)
  io.stderr:write("book: ", text, "\n")
  os.exit(1)
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text -- nil for a folder
end

local function lines_of(path)
  local lines = {}
  for line in (read(path) or ""):gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  return lines
end

local function escape(text)
  return (text:gsub('[&<>"]', { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }))
end

local function html(text) return pandoc.RawBlock("html", text) end

for _, line in ipairs(lines_of(work .. "/pages")) do
  local from, to, title = line:match("^(.-)\t(.-)\t(.*)$")
  pages[from], titles[from] = to, title
  order[#order + 1] = from
end
for _, line in ipairs(lines_of(work .. "/pictures")) do
  local name, title = line:match("^(.-)\t(.*)$")
  pictures[#pictures + 1] = name
  pictures[name] = title
end
site = titles["README.md"]:match("^[^:]+")

-- ---- Links ----------------------------------------------------------------------------------------

-- The path of a file in the repository, from a link in the source: "../a/./b" in c/README.md is a/b.
local function normal(path)
  local parts = {}
  for part in ((source:match("^(.*)/") or "") .. "/" .. path):gmatch("[^/]+") do
    if part == ".." then
      if #parts == 0 then return nil end
      table.remove(parts)
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return table.concat(parts, "/")
end

-- The page of a file that is shown as it is.
local function listing_of(path)
  return "source/" .. path:gsub("/", "-"):gsub("^%.", "") .. ".html"
end

-- Where a link to a file of the repository leads in the book.
local function place_of(path, link)
  local name = path:match("^docs/pictures/([^/]+)%.svg$") or path:match("^docs/pictures/([^/]+)%.tsv$")
  if name and pictures[name] then return "pictures/" .. name .. ".html" end
  if name and read(path) then return "pictures/" .. path:match("[^/]+$") end
  local page = path == "" and "README.md" or pages[path] and path or path .. "/README.md"
  if pages[page] then return pages[page] end
  local folder, file = path:match("^(step%d_[^/]+)/([^/]+%.c)$")
  if not read(path) then fail(source .. ": its link to " .. link .. " leads nowhere") end
  if folder and pages[folder .. "/README.md"] then return pages[folder .. "/README.md"] .. "#" .. file end
  local wanted = io.open(work .. "/wanted", "a")
  wanted:write(path, "\n")
  wanted:close()
  return listing_of(path)
end

-- A link from this page.
local function rewrite(link)
  if link:match("^%a[%w+.-]*:") or link:match("^#") then return link end
  local path, anchor = link:match("^([^#]*)(.*)$")
  local file = normal(path)
  if not file then fail(source .. ": its link to " .. link .. " leaves the repository") end
  local place = place_of(file, link)
  if anchor ~= "" then place = place:gsub("#.*", "") .. anchor end
  if place:match("^[^#]*") == output and place:match("#") then return place:match("#.*") end
  return root .. place
end

-- ---- Manual pages -----------------------------------------------------------------------------------

-- What the sources call, by the section of the manual in which it is described.
local calls = {}
for section, names in pairs({
  [2] = [[accept bind clock_gettime close connect dup execve _exit fcntl fork getpeername getpid getppid
    getrlimit getsockname getsockopt kill listen nanosleep pipe poll prctl ptrace read recv send setrlimit
    setsockopt shutdown sigaction sigprocmask socket wait waitpid write]],
  [3] = [[abort atoi calloc exit feof ferror fflush fgets fopen fprintf fputs free freeaddrinfo
    gai_strerror getaddrinfo getopt getopt_long htonl htons inet_addr inet_ntop isatty malloc memchr
    memcmp memcpy memmem memmove memset ntohl ntohs perror printf putchar puts qsort raise realloc setenv
    setvbuf sigaddset sigemptyset sigfillset snprintf strchr strcmp strcpy strerror strlen strncasecmp
    strncmp strrchr strsignal strspn strstr strtod strtol strtoul vfprintf vsnprintf]],
}) do
  for name in names:gmatch("%S+") do calls[name] = tostring(section) end
end

local function manual(name, section)
  return ("https://man7.org/linux/man-pages/man%s/%s.%s.html"):format(section:sub(1, 1), name, section)
end

local function manual_link(name, section, text)
  return ('<a class="man" href="%s" title="%s(%s), its manual page">%s</a>'):format(
    manual(name, section), name, section, text)
end

-- ---- Code -------------------------------------------------------------------------------------------

local languages = {
  c = "c", h = "c", bash = "bash", bats = "bash", sh = "bash", py = "python", lua = "lua", yml = "yaml",
  css = "css", js = "javascript", html = "html", md = "markdown",
}

local function language_of(path, text)
  if path:match("Makefile$") then return "makefile" end
  if text:match("^#![^\n]*python") then return "python" end
  if text:match("^#![^\n]*sh\n") then return "bash" end
  return languages[path:match("%.(%w+)$") or ""]
end

-- The lines of some code, as HTML: highlighted, and in C each call leads to its manual page.
local function highlight(text, language)
  local lines = {}
  if not language then
    for line in (text:gsub("\n?$", "\n")):gmatch("([^\n]*)\n") do lines[#lines + 1] = escape(line) end
    return lines
  end
  local block = pandoc.CodeBlock(text, { class = language })
  local code = pandoc.write(pandoc.Pandoc({ block }), "html"):match("<code[^>]*>(.*)</code></pre>")
  for line in (code .. "\n"):gmatch("([^\n]*)\n") do
    line = line:gsub("^<span id=[^>]*><a [^>]*></a>", ""):gsub("</span>$", "")
    if language == "c" then
      line = line:gsub("([%a_][%w_%-]*)%((%d)%)", function(name, section) -- in comments
        return manual_link(name, section, name .. "(" .. section .. ")")
      end)
      line = line:gsub('([%a_][%w_]*)(<span class="op">%()', function(name, rest)
        return calls[name] and manual_link(name, calls[name], name) .. rest
      end)
    end
    lines[#lines + 1] = line
  end
  return lines
end

-- A whole file, each line with its number, which is a link to it.
local function listing(path, id)
  local text = read(path)
  local out = {}
  for number, line in ipairs(highlight(text, language_of(path, text))) do
    local place = id .. "-" .. number
    out[#out + 1] = ('<span class="line" id="%s"><a class="number" href="#%s" aria-hidden="true" tabindex="-1" data-n="%d"></a>%s</span>')
      :format(place, place, number, line)
  end
  return html('<div class="scroll"><pre class="code numbered"><code>' .. table.concat(out, "\n") .. "</code></pre></div>")
end

-- The functions of a C file by line: in which one each line is. A comment above a function is part of it.
local function contexts(text)
  local context, lines, now = {}, {}, "In the head of the file"
  for line in text:gmatch("([^\n]*)\n") do
    local name = line:match("^[%a_][^;=]-([%w_]+)%([^;]*{$")
    if name then now = "In <code>" .. name .. "()</code>" end
    lines[#lines + 1], context[#context + 1] = line, now
    if line:match("^}") or line:match("^ %*/") then now = "Above the functions" end
  end
  for i = #lines - 1, 1, -1 do
    if lines[i]:match("^/?[ ]?%*") and context[i + 1]:match("^In <code>") then context[i] = context[i + 1] end
  end
  return context
end

-- The difference between two programs, from the output of diff -u.
local function difference(path)
  local out, old, new, context, signs = {}, nil, nil, nil, nil
  local from, to, a, b, id
  local function finish() -- of a hunk: its last line needs no line break
    if signs then out[#out] = out[#out]:gsub("\n$", "") .. "</code></pre></div></figure>" end
  end
  local all = lines_of(path)
  for number, line in ipairs(all) do
    local file = line:match("^%-%-%- ([^\t]+)")
    if file and not signs then
      old, from = highlight(read(file), "c"), file
    elseif line:match("^%+%+%+ ") and not signs then
      to = line:match("^%+%+%+ ([^\t]+)")
      new, context = highlight(read(to), "c"), contexts(read(to))
      id = to:match("[^/]+$")
    elseif line:match("^@@") then
      finish()
      a, b = line:match("^@@ %-(%d+),?%d* %+(%d+)")
      a, b, signs = tonumber(a), tonumber(b), true
      local first = b -- the first line that differs tells in which function this is
      for following = number + 1, #all do
        if not all[following]:match("^ ") then break end
        first = first + 1
      end
      out[#out + 1] = ('<figure class="hunk"><figcaption>%s</figcaption><div class="scroll"><pre class="code diff"><code>')
        :format(context[math.min(first, #context)])
    elseif signs then
      local sign, shown, open, close = line:sub(1, 1), nil, "<span", "</span>"
      local target = ""
      if sign == "-" then
        shown, a, open, close = old[a], a + 1, "<del", "</del>"
      elseif sign == "+" or sign == " " then
        if sign == "+" then open, close = "<ins", "</ins>" else a = a + 1 end
        shown = new[b]
        target = ('<a class="number" href="#%s-%d" aria-hidden="true" tabindex="-1" data-n="%d"></a>'):format(id, b, b)
        b = b + 1
      end
      if shown then
        if target == "" then target = '<span class="number"></span>' end
        out[#out + 1] = ('%s class="line">%s<span class="sign">%s</span>%s%s\n'):format(open, target, sign, shown, close)
      end
    end
  end
  finish()
  if not signs then return "<p>There is no difference.</p>" end
  return ('<p class="files"><del>%s</del> <ins>%s</ins></p>'):format(escape(from), escape(to)) .. table.concat(out)
end

-- ---- Differences that a README names -----------------------------------------------------------------

-- The stages in order: the difference to the stage before is shown at once, others unfold.
local stages = { "1", "2", "3", "4", "5", "eintr", "6", "7" }
local function neighbours(from, to)
  for i = 2, #stages do if stages[i] == to then return stages[i - 1] == from end end
end

-- The page on which a difference is to be found.
local function page_of_stage(name)
  local number = name == "eintr" and "6" or name
  for _, path in ipairs(order) do
    if path:match("^step" .. number .. "_[^/]+/README.md$") then return path end
  end
end

local function name_difference(code)
  local from, to = code:match("^make diff%-(%w+)%-(%w+)$")
  if from and page_of_stage(from) and page_of_stage(to) then return from, to end
end

-- ---- Pictures ---------------------------------------------------------------------------------------

-- A picture: an image, and the way to its page, where it can be stepped through.
local function figure(image)
  local file = image.src:match("^[%a]+:") and nil or normal(image.src)
  local name = file and file:match("^docs/pictures/([^/]+)%.svg$")
  if not name then fail(source .. ": the picture " .. image.src .. " is none of docs/pictures") end
  local text = read(file)
  if not text then fail(source .. ": there is no picture " .. image.src) end
  local width, height = text:match('<svg[^>]- viewBox="[%d.-]+ [%d.-]+ ([%d.]+) ([%d.]+)"')
  local size = width and (' width="%d" height="%d"'):format(math.ceil(width), math.ceil(height)) or ""
  local img = ('<img src="%spictures/%s.svg" alt="%s"%s>'):format(
    root, name, escape(pandoc.utils.stringify(image.caption)), size)
  if not pictures[name] then return '<figure class="picture"><div class="scroll">' .. img .. "</div></figure>" end
  return ('<figure class="picture"><div class="scroll"><a href="%spictures/%s.html">%s</a></div>' ..
    '<figcaption><a href="%spictures/%s.html">Step through it, event by event</a></figcaption></figure>')
    :format(root, name, img, root, name)
end

-- ---- Text ---------------------------------------------------------------------------------------------

-- A transcript: what was typed stands out, and can be copied without its prompt.
local function console(text)
  local out = {}
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    local command = line:match("^%$ (.*)$")
    out[#out + 1] = command and '<b class="typed"><span class="prompt">$ </span>' .. escape(command) .. "</b>" or escape(line)
  end
  return '<div class="scroll"><pre class="console"><code>' .. table.concat(out, "\n") .. "</code></pre></div>"
end

local function table_in_scroll(element)
  local class = #element.colspecs > 3 and "scroll wide" or "scroll"
  return { html('<div class="' .. class .. '">'), element, html("</div>") }
end

local walker = { traverse = "topdown" }

function walker.Link(link)
  link.target = rewrite(link.target)
  return link, false
end

function walker.Image(image)
  return pandoc.RawInline("html", figure(image)), false
end

function walker.Para(para)
  if #para.content == 1 and para.content[1].t == "Image" then return html(figure(para.content[1])), false end
  if #para.content == 1 and para.content[1].t == "Link" then -- a picture that is a link
    local inside = para.content[1].content
    if #inside == 1 and inside[1].t == "Image" then return html(figure(inside[1])), false end
  end
end

-- "make diff-3-4" leads to that difference.
function walker.Code(code)
  local from, to = name_difference(code.text)
  if not from then return end
  local page = page_of_stage(to)
  if page ~= source and not neighbours(from, to) then return end
  local place = page == source and "" or root .. pages[page]
  return pandoc.Link({ code }, place .. "#diff-" .. from .. "-" .. to), false
end

-- "accept(2)" leads to the manual page, "test 6.7" to that claim.
function walker.Inlines(inlines)
  local out = {}
  for i, item in ipairs(inlines) do
    local before, name, section, after
    if item.t == "Str" then before, name, section, after = item.text:match("^(.-)([%a_][%w_%-]*)%((%dp?)%)(.*)$") end
    local number, rest
    if item.t == "Str" and i > 2 and inlines[i - 2].t == "Str" and inlines[i - 2].text:match("%f[%a]test$") then
      number, rest = item.text:match("^(%d%.%d+)(.*)$")
    end
    if name then
      if before ~= "" then out[#out + 1] = pandoc.Str(before) end
      out[#out + 1] = pandoc.Link({ pandoc.Str(name .. "(" .. section .. ")") }, manual(name, section), "", { class = "man" })
      if after ~= "" then out[#out + 1] = pandoc.Str(after) end
    elseif number and pages["tests/CLAIMS.md"] then
      out[#out + 1] = pandoc.Link({ pandoc.Str(number) }, root .. pages["tests/CLAIMS.md"] .. "#claim-" .. number)
      if rest ~= "" then out[#out + 1] = pandoc.Str(rest) end
    else
      out[#out + 1] = item
    end
  end
  return out
end

function walker.CodeBlock(block)
  local language = block.classes[1]
  if language == "console" or (not language and block.text:match("^%$ ")) then return html(console(block.text)), false end
  if language == "diff" then
    local out = {}
    for line in (block.text .. "\n"):gmatch("([^\n]*)\n") do
      local sign, rest = line:sub(1, 1), highlight(line:sub(2), "c")[1] or ""
      local tag = sign == "-" and "del" or sign == "+" and "ins" or "span"
      out[#out + 1] = ('<%s class="line"><span class="sign">%s</span>%s</%s>'):format(tag, escape(sign), rest, tag)
    end
    return html('<div class="scroll"><pre class="code diff"><code>' .. table.concat(out, "\n") .. "</code></pre></div>"), false
  end
  return html('<div class="scroll"><pre class="code"><code>' ..
    table.concat(highlight(block.text, language and (languages[language] or language)), "\n") .. "</code></pre></div>"), false
end

function walker.RawBlock(block)
  if block.text:match("^<!%-%-") then return {}, false end
end

-- ---- The claims, with the tests that prove them ----------------------------------------------------------

local marks = {
  ok = { "✓", "passed" }, ["not ok"] = { "✗", "failed" }, skip = { "–", "skipped" }, unknown = { "?", "not run" },
}

local function tests_by_claim()
  local by_claim, totals = {}, { ok = 0, ["not ok"] = 0, skip = 0, unknown = 0 }
  for _, line in ipairs(lines_of(work .. "/tests")) do
    local file, title, result = line:match("^(.-)\t(.-)\t(.*)$")
    local number, text = title:match("^(%d+%.%d+) (.*)$")
    totals[result] = totals[result] + 1
    if number then
      by_claim[number] = by_claim[number] or {}
      table.insert(by_claim[number], { file = file, text = text, result = result })
    end
  end
  return by_claim, totals
end

-- The tests of one claim, folded: the summary has their results.
local function proof(tests)
  local count, items = {}, {}
  for _, test in ipairs(tests) do
    local mark = marks[test.result]
    count[test.result] = (count[test.result] or 0) + 1
    items[#items + 1] = ('<li class="%s"><span class="mark" aria-hidden="true">%s</span> %s <span class="result">%s</span></li>')
      :format(mark[2]:gsub(" ", "-"), mark[1], escape(test.text), mark[2])
  end
  local parts = {}
  for _, result in ipairs({ "not ok", "ok", "skip", "unknown" }) do
    if count[result] then
      parts[#parts + 1] = ('<span class="%s"><span class="mark" aria-hidden="true">%s</span> %d %s</span>'):format(
        marks[result][2]:gsub(" ", "-"), marks[result][1], count[result], marks[result][2])
    end
  end
  return ('<details class="proof"%s><summary>%s</summary><ul>%s</ul></details>'):format(
    count["not ok"] and " open" or "", table.concat(parts, ", "), table.concat(items))
end

local function claims(blocks)
  local by_claim, totals = tests_by_claim()
  for i, block in ipairs(blocks) do
    if block.t == "Table" then
      local simple = pandoc.utils.to_simple_table(block)
      for _, row in ipairs(simple.rows) do
        local number = pandoc.utils.stringify(row[1])
        local tests = by_claim[number]
        if number:match("^%d+%.%d+$") and tests then
          row[1] = { pandoc.Plain({ pandoc.Link({ pandoc.Str(number) }, "#claim-" .. number, "", { id = "claim-" .. number }) }) }
          table.insert(row[2], html(proof(tests)))
        end
      end
      blocks[i] = pandoc.utils.from_simple_table(simple)
    end
  end
  local run = totals.ok + totals["not ok"] + totals.skip
  local text
  if run == 0 then
    text = "The tests were not run yet: <code>make test</code>, then <code>make book</code> again."
  else
    text = ('The last run of all tests: <b class="passed">%d passed</b>, <b class="%s">%d failed</b>'):format(
      totals.ok, totals["not ok"] > 0 and "failed" or "none", totals["not ok"])
    if totals.skip > 0 then text = text .. (", %d skipped"):format(totals.skip) end
    if totals.unknown > 0 then text = text .. (", %d not run"):format(totals.unknown) end
    text = text .. ". Unfold a claim's result to see the tests that prove it."
  end
  for i, block in ipairs(blocks) do
    if block.t == "Header" and block.level == 2 then
      table.insert(blocks, i, html('<p class="last-run">' .. text .. "</p>"))
      break
    end
  end
end

-- ---- The page ---------------------------------------------------------------------------------------------

-- Puts the differences that a stage's README names behind the sections that name them.
local function add_differences(blocks)
  local shown, out, pending = {}, {}, {}
  local function flush()
    for _, block in ipairs(pending) do out[#out + 1] = block end
    pending = {}
  end
  for _, block in ipairs(blocks) do
    if block.t == "Header" and block.level <= 2 then flush() end
    out[#out + 1] = block
    pandoc.walk_block(pandoc.Div({ block }), { Code = function(code)
      local from, to = name_difference(code.text)
      if not from or page_of_stage(to) ~= source then return end
      local name = "diff-" .. from .. "-" .. to
      if shown[name] then return end
      shown[name] = true
      local function say(word) return word == "eintr" and "<code>eintr</code>" or "step " .. word end
      pending[#pending + 1] = html(('<details class="difference" id="%s"%s><summary>The difference from %s to %s</summary>%s</details>')
        :format(name, neighbours(from, to) and " open" or "", say(from), say(to), difference(work .. "/" .. name)))
    end })
  end
  flush()
  return out
end

-- The sources of the stage, whole, before the README's last paragraph ("Next: ...").
local function add_sources(blocks)
  local last = blocks[#blocks]
  local next = last.t == "Para" and pandoc.utils.stringify(last):match("^Next: ") and table.remove(blocks)
  for _, path in ipairs(lines_of(work .. "/sources")) do
    local folder, file = path:match("^(.*)/([^/]+)$")
    if folder == stage then
      local heading = { pandoc.Str("The"), pandoc.Space(), pandoc.Str("whole"), pandoc.Space(), pandoc.Code(file) }
      blocks[#blocks + 1] = pandoc.Header(2, heading, { id = file })
      blocks[#blocks + 1] = listing(path, file)
    end
  end
  if next then blocks[#blocks + 1] = next end
end

-- The contents, before the first code of the top README: the chapters, what stands beside them, the rest.
local is_beside = {
  ["client/README.md"] = true, ["tests/CLAIMS.md"] = true, ["docs/pictures/README.md"] = true, ["docs/drawings.md"] = true,
}
local function add_contents(blocks)
  local chapters, beside, rest = {}, {}, {}
  for _, path in ipairs(order) do
    local link = ('<a href="%s">%s</a>'):format(pages[path], escape(titles[path]))
    local list = path:match("^step") and chapters or is_beside[path] and beside or rest
    if path ~= "README.md" then list[#list + 1] = "<li>" .. link .. "</li>" end
  end
  local out = ('<nav class="contents" aria-label="Contents"><ol>%s</ol><ul>%s</ul><details class="rest">' ..
    "<summary>Behind it: the tests, the tools, the records</summary><ul>%s</ul></details></nav>"):format(table.concat(chapters), table.concat(beside), table.concat(rest))
  for i, block in ipairs(blocks) do
    if block.t == "CodeBlock" then return table.insert(blocks, i, html(out)) end
  end
end

-- All pictures below each other, at the end of their README.
local function add_gallery(blocks)
  blocks[#blocks + 1] = pandoc.Header(2, "All pictures", { id = "all-pictures" })
  local out = {}
  for _, name in ipairs(pictures) do
    out[#out + 1] = ('<li><a href="%s.html"><img src="%s.svg" alt="" loading="lazy"><span>%s</span></a></li>'):format(
      name, name, escape(pictures[name]))
  end
  blocks[#blocks + 1] = html('<ul class="gallery">' .. table.concat(out) .. "</ul>")
end

-- The chapters at the head of each page.
local function set_chapters(meta)
  local chapters = {}
  local function add(path, label)
    if not pages[path] then return end
    chapters[#chapters + 1] = {
      url = root .. pages[path], label = label, title = pandoc.MetaString(titles[path]),
      here = output == pages[path] and "page" or output:match("^pictures/") and pages[path]:match("^pictures/") and "true",
    }
  end
  for _, path in ipairs(order) do
    local number = path:match("^step(%d)_[^/]+/README.md$")
    if number then add(path, number) end
  end
  add("client/README.md", "Client")
  add("tests/CLAIMS.md", "Claims")
  add("docs/pictures/README.md", "Pictures")
  meta.chapters = chapters
end

-- The pages before and after this one of a list of them.
local function set_turn(meta, list, here, url, title)
  for i, name in ipairs(list) do
    if name == here then
      local function place(other)
        return other and { url = root .. url(other), title = pandoc.MetaString(title(other)) }
      end
      meta.previous, meta.next, meta.turn = place(list[i - 1]), place(list[i + 1]), true
    end
  end
end

-- Takes out the way to a translation at the head of a README: the book is in one language.
local function drop_translation(blocks)
  for i, block in ipairs(blocks) do
    local link = block.t == "Para" and #block.content == 1 and block.content[1].t == "Link" and block.content[1].target
    if link and link:match("^README%.[%a-]+%.md$") then return table.remove(blocks, i) end
  end
end

-- The first paragraph, in so many characters: what search engines and bookmarks show.
local function describe(blocks)
  for _, block in ipairs(blocks) do
    if block.t == "Para" then
      local text = pandoc.utils.stringify(block):gsub("%s+", " ")
      if #text > 160 then text = text:sub(1, 157):gsub("%s+[^%s]*$", "") .. "..." end
      return text
    end
  end
end

-- ---- The page of a picture, where it can be stepped through ------------------------------------------------

-- A button with a sign of its own drawing: not every font has one.
local function button(to, shape, label, key)
  return ('<button type="button" data-to="%s" aria-label="%s" title="%s (%s)">' ..
    '<svg viewBox="0 0 20 12" width="20" height="12" aria-hidden="true"><path d="%s"/></svg></button>'):format(to, label, label, key, shape)
end

local function count(name, label)
  return ('<div><dt>%s</dt><dd data-count="%s">0</dd></div>'):format(label, name)
end

local function player(name)
  local svg = read("docs/pictures/" .. name .. ".svg"):gsub("^%s*<%?xml.-%?>%s*", ""):gsub("^%s*<!DOCTYPE[^>]*>%s*", "")
  local rows = read("docs/pictures/" .. name .. ".tsv")
  local chapter = pages[name:match("^(step%d_%a+)") .. "/README.md"]
  local parts = {}
  local function add(text) parts[#parts + 1] = text end
  add("<h1>" .. escape(pictures[name]) .. "</h1>")
  if chapter then
    add(('<p>A real run, event by event. It belongs to <a href="%s%s">%s</a>; <a href="index.html#how-to-read-them">how to read it</a>.</p>')
      :format(root, chapter, escape(titles[name:match("^(step%d_%a+)") .. "/README.md"])))
  end
  add('<div class="player">')
  add('<div class="scroll drawing">' .. svg .. "</div>")
  add('<noscript><p>With JavaScript a slider would step through this picture. The events are all there below.</p></noscript>')
  add('<div class="side">')
  add('<div class="controls" role="group" aria-label="Step through the run" hidden data-live>')
  add('<p class="where"><b class="event"></b> <span class="time"></span></p>')
  add('<input type="range" min="1" max="1" value="1" step="1" aria-label="Event">')
  add('<div class="buttons">')
  add(button("first", "M3 1h2v10h-2zM16 1v10l-9-5z", "First event", "Home"))
  add(button("turn-back", "M10 1v10l-8-5zM18 1v10l-8-5z", "Previous turning point", "Page Up"))
  add(button("back", "M14 1v10l-8-5z", "Previous event", "left arrow"))
  add(button("on", "M6 1v10l8-5z", "Next event", "right arrow"))
  add(button("turn-on", "M2 1v10l8-5zM10 1v10l8-5z", "Next turning point", "Page Down"))
  add(button("last", "M15 1h2v10h-2zM4 1v10l9-5z", "Last event", "End"))
  add("</div>")
  add('<p class="sentence" aria-live="polite"></p>')
  add("</div>")
  add('<div class="instant" hidden data-live>')
  add('<dl class="counts">' .. count("children", "children alive") .. count("zombies", "zombies") ..
    count("signals", "SIGCHLD delivered") .. count("lost", "SIGCHLD lost") .. count("descriptors", "descriptors of the server") .. "</dl>")
  add('<p class="over" hidden>The server has ended: its children are counted no more.</p>')
  add('<div class="scroll"><table class="processes"><caption>At this instant</caption><thead><tr>')
  add('<th scope="col">Process</th><th scope="col">State</th><th scope="col">Descriptors</th></tr></thead><tbody></tbody></table></div>')
  add("</div></div>")
  add('<div class="around" hidden data-live><h2>Just before, and just after</h2><ol class="nearby"></ol></div>')
  add('<details class="rows"><summary>The rows of this run</summary>')
  add(('<p>One event each: time in microseconds, process, event, name, descriptor, object, result, text (<a href="%s%s">the format</a>).</p>')
    :format(root, pages["tools/trace/README.md"]))
  add('<div class="scroll"><pre id="rows">' .. escape(rows) .. "</pre></div></details>")
  add("</div>")
  return table.concat(parts, "\n")
end

-- ---- All together -----------------------------------------------------------------------------------------

function Pandoc(document)
  local meta, blocks = document.meta, document.blocks
  local kind = pandoc.utils.stringify(meta.kind)
  local name = pandoc.utils.stringify(meta.source)
  source = name
  output = kind == "listing" and listing_of(name) or kind == "picture" and "pictures/" .. name .. ".html" or pages[name]
  root = ("../"):rep(select(2, output:gsub("/", "")))
  stage = name:match("^(step%d_[^/]+)/README%.md$")

  local title, description
  if kind == "listing" then
    title, description = name, name .. ", as it is in the repository"
    blocks = { pandoc.Header(1, { pandoc.Code(name) }), listing(name, "line") }
  elseif kind == "picture" then
    title, description = pictures[name], "A real run, event by event: " .. pictures[name]
    blocks = { html(player(name)) }
    meta.slider = true
    set_turn(meta, pictures, name, function(other) return "pictures/" .. other .. ".html" end,
      function(other) return pictures[other] end)
  else
    drop_translation(blocks)
    title, description = titles[name], describe(blocks) or titles[name]
    set_turn(meta, order, name, function(other) return pages[other] end, function(other) return titles[other] end)
    if name == "tests/CLAIMS.md" then claims(blocks) end
    if stage then blocks = add_differences(blocks) end
    if name == "README.md" then add_contents(blocks) end
    blocks = pandoc.walk_block(pandoc.Div(blocks), walker).content
    if stage then add_sources(blocks) end
    if name == "docs/pictures/README.md" then add_gallery(blocks) end
  end

  local sections = {}
  for _, block in ipairs(blocks) do
    if block.t == "Header" and block.level == 2 then
      sections[#sections + 1] = { id = block.identifier, text = pandoc.MetaString(pandoc.utils.stringify(block)) }
    end
  end
  if #sections > 2 then meta.sections = sections end
  meta.title, meta.description = pandoc.MetaString(title), pandoc.MetaString(description)
  meta.home = pandoc.MetaString(site)
  if name ~= "README.md" then meta.site = meta.home end
  meta.root = root
  set_chapters(meta)
  return pandoc.Pandoc(pandoc.walk_block(pandoc.Div(blocks), { Table = table_in_scroll }).content, meta)
end
