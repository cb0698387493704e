-- The operator goes on.
obj.spec.suspend = false
return obj
