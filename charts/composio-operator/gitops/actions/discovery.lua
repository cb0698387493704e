-- Which buttons Argo CD shows on a ConnectedAccount, a ComposioProject and a ClusterComposioProject.
local actions = {}
local suspended = obj.spec ~= nil and obj.spec.suspend == true
actions["suspend"] = { ["disabled"] = suspended }
actions["resume"] = { ["disabled"] = not suspended }
if obj.kind == "ConnectedAccount" then
  actions["reconcile"] = { ["disabled"] = suspended }
  actions["new-link"] = { ["disabled"] = suspended }
end
return actions
