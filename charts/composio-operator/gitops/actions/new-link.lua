-- Asks for a new connect link. A person who is connected stays so.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["composio.dev/link-requested-at"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
